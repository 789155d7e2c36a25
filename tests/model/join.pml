/*
 * A model of workers that join the lock of their process's main thread
 * (src/lock/joining.ts, drop() in holding.ts), for spin:
 *
 *   spin -a join.pml && gcc -O1 -DSAFETY -o pan pan.c && ./pan
 *
 * The main thread and two workers of one process, and another process, all ask
 * for the exclusive lock, as often as they like. The kernel lock is one step
 * here: lock.pml takes it apart.
 *
 * EXCLUSION  no thread counts on the lock while the other process holds it.
 * RECORDS    while the main thread keeps the lock for a worker, it is named.
 * PROGRESS   once nobody asks any more, everybody comes to rest, and the lock
 *            is free: a main thread that waits for a note for ever would be an
 *            invalid end state.
 *
 * Worlds (-D...):
 *
 *   KILLED      the process with the threads is killed at some moment
 *   TERMINATED  worker.terminate() may end a worker that has the kernel lock
 *               or a note; its lock goes, its files stay. Then PROGRESS does
 *               not hold: for a note that is left the main thread keeps the
 *               lock until its process ends.
 */

#define NOBODY 0
#define WORKER_1 1
#define WORKER_2 2
#define MAIN 3
#define OTHER 4

byte lock;              /* who has the kernel lock */
byte pid_owner;         /* app.db.pid: who wrote it */
byte pid_id;            /* its random id; the main thread's are 1 to 3 */
byte joins[3];          /* by worker: `joins` of its note, 0 for no note */
byte counting;          /* threads of the first process that hold */
bit other_holds;
bit stopped;            /* nobody asks any more */
bit killed;

#define IS_JOINED(id) (joins[WORKER_1] == id || joins[WORKER_2] == id)

/* clear() (claim.ts): inside the kernel lock every record is litter. */
inline clear_all() {
  pid_owner = NOBODY; pid_id = 0;
  joins[WORKER_1] = 0; joins[WORKER_2] = 0
}

inline publish(who, id) {
  pid_owner = who; pid_id = id
}

inline withdraw(who, id) {
  if
  :: pid_owner == who && pid_id == id -> pid_owner = NOBODY; pid_id = 0
  :: else
  fi
}

inline count_on() {
  assert(!other_holds); /* EXCLUSION */
  counting++
}

active [2] proctype Worker() {
  byte me, held;
  me = _pid + 1;
  {
end_rest:
    do
    :: stopped -> break
    :: atomic { /* claim() */
        !stopped && lock == NOBODY -> lock = me
      }
      atomic { clear_all() }
      atomic { publish(me, 10 + me) }
      atomic { count_on() }
#ifdef TERMINATED
      if
      :: atomic { counting--; lock = NOBODY; goto ended }
      :: true
      fi;
#endif
      counting--;
      atomic { withdraw(me, 10 + me) }
      lock = NOBODY
    :: atomic { /* join(): ownExclusive() */
        !stopped && lock != NOBODY;
        if
        :: pid_owner == MAIN -> held = pid_id
#ifdef MUTATE_JOIN_A_WORKER
        :: pid_owner == WORKER_1 || pid_owner == WORKER_2 -> held = pid_id
#endif
        :: else -> goto end_rest
        fi
      }
      joins[me] = held; /* publishOwn() */
#ifndef MUTATE_JOIN_WITHOUT_SECOND_LOOK
      atomic { /* ownExclusive() again */
        if
#ifdef MUTATE_JOIN_ANY_RECORD
        :: pid_owner != MAIN -> goto let_go
#else
        :: pid_owner == NOBODY || pid_id != held -> goto let_go
#endif
        :: else
        fi
      }
#endif
      atomic { count_on() }
#ifdef TERMINATED
      if
      :: atomic { counting--; goto ended }
      :: true
      fi;
#endif
      counting--;
let_go:
      atomic { joins[me] = 0; held = 0 }
    od;
ended:
    skip
  } unless { killed }
}

active proctype Main() {
  byte id;
  {
end_rest:
    do
    :: stopped -> break
    :: atomic { !stopped && id < 3 && lock == NOBODY -> lock = MAIN }
      atomic { clear_all() }
      atomic { id++; publish(MAIN, id) }
hold:
      atomic { count_on() }
      counting--;
drop:
      atomic { withdraw(MAIN, id) }
#ifdef MUTATE_DROP_WITHOUT_SECOND_LOOK
      goto end;
#endif
      atomic {
        if
        :: !IS_JOINED(id) -> goto end
        :: else
        fi
      }
#ifndef MUTATE_NO_REPUBLISH
      atomic { /* republish() */
        if
        :: pid_owner == NOBODY -> publish(MAIN, id)
        :: else
        fi
      }
#endif
linger: /* drop() again every 25 ms, or another handle on it */
      assert(pid_owner == MAIN); /* RECORDS */
#ifdef MUTATE_NO_LINGER
      goto end;
#endif
      if
      :: atomic { !stopped -> goto hold }
      :: atomic { !IS_JOINED(id) -> goto drop }
      fi;
end:
      atomic { withdraw(MAIN, id) }
      lock = NOBODY
    od
  } unless { killed }
}

active proctype Other() {
end_rest:
  do
  :: stopped -> break
  :: atomic { !stopped && lock == NOBODY -> lock = OTHER }
    atomic { clear_all() }
    atomic { publish(OTHER, 99) }
    atomic { assert(counting == 0); other_holds = 1 } /* EXCLUSION */
    other_holds = 0;
    atomic { withdraw(OTHER, 99) }
    lock = NOBODY
  od
}

active proctype Fate() {
#ifdef KILLED
  if
  :: atomic { /* the kernel frees the lock, the files stay */
      killed = 1;
      counting = 0;
      lock = (lock == OTHER -> OTHER : NOBODY)
    }
  :: true
  fi;
#endif
  stopped = 1
}
