/*
 * A model of the lock, for spin (https://spinroot.com): every interleaving of
 * a few contenders, each of which may be killed before any of its steps.
 *
 *   spin -a -DN=3 lock.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan
 *
 * `deno task model` runs it in several worlds, and then with one step of the
 * protocol left out at a time (-DMUTATE_...), which has to be noticed.
 *
 * What is modelled:
 *
 *   the sidecar   `path` is the inode that app.db.lock leads to, 0 for none.
 *                 Inodes are used again once nobody has them open.
 *   kernel locks  The three byte ranges of SQLite's unix VFS (os_unix.c), taken
 *                 in its order: SHARED = read PENDING, read SHARED, let PENDING
 *                 go; EXCLUSIVE = SHARED, write RESERVED, write PENDING, write
 *                 SHARED. A process that dies loses its locks, and no record.
 *   pidfiles      `pid_owner` is app.db.pid, `shared` the app.db.pid-<id> of
 *                 those that live, `litter` those of the dead.
 *   a contender   the one loop of src/lock/: a try; the critical section of
 *                 whoever has won; a release, another try or a refusal.
 *
 * What is promised:
 *
 *   EXCLUSION  no two exclusive holders, no exclusive beside a shared one.
 *   RECORDS    nobody removes the record of a holder but itself; and whoever
 *              has taken the lock finds room for its own.
 *   REFUSAL    a record that a refused contender reads, and that is not proved
 *              dead, is of a process that has the lock at that moment. So a
 *              record ends a doubt, and names nobody that has only asked.
 *   PROGRESS   from every state in which all others are out, dead or asleep
 *              between two tries, and nobody holds, each contender gets the
 *              lock with its next try. No state is a deadlock; so those that
 *              are neither get there by steps of their own.
 *
 * Worlds (-D...):
 *
 *   N            contenders, 2 or 3
 *   NARROW       bit mask of contenders that can prove nothing, and of which
 *                nothing can be proved: Deno without --allow-all, another PID
 *                namespace
 *   UNWRITABLE   bit mask of contenders that may read the sidecar only
 *   DELETIONS    how often somebody deletes app.db.lock, at any moment;
 *   WHILE_FREE   and then only while nobody has any lock on it: all that is
 *                promised where nothing can be proved
 *   CRASHES      at most so many; without it, as many as you like
 *   EXCLUSIVES, SHARERS
 *                bit masks of contenders that ask for one mode only
 *   REUSED       the PID of the dead is that of a living process now, and
 *                nothing tells the two apart: app.db.pid looks alive
 *   SWEEPS       a shared holder tries for a moment to be alone, to clear the
 *                shared records that nobody can prove dead
 *   BIG          the folder is so big that who finds no holder elsewhere says so
 *                in a mark on the file at the path, which spares others a look
 *   LOSSY        a record may fail to be written, and outsiders delete records
 *   WITH_PIDFILES  whoever deletes app.db.lock deletes app.db.pid too: two may
 *                hold then, but withdrawing must spare the other's record
 *   RECORDS, REFUSAL  assert these two; not where outsiders delete things
 *
 * Known limits, outside of what is promised:
 *
 *   app.db.pid is removed by its path. Where app.db.lock is deleted while one
 *   contender is between looking and removing, it may remove the record of the
 *   next holder, which holds on, unnamed; so DELETIONS=1 goes without RECORDS,
 *   and a second deletion then lets a second holder in (DELETIONS=2 fails).
 *   The same with an inode number that is used again twice within one open().
 *
 * Left out: time, which is in waiting.pml. Here whoever is refused a lock may
 * try again or give up at once. A slice in which SQLite waits needs no step of
 * its own: a contender that waits with PENDING is one that has not yet come to
 * its next step, and what it finds is not older for that. Left out too are
 * drafts of pidfiles (litter of a crash while publishing stands for them) and
 * the counting of handles within a process. Each record that nobody can prove
 * dead sets off a sweep.
 */

#ifndef N
#define N 3
#endif
#ifndef NARROW
#define NARROW 0
#endif
#ifndef UNWRITABLE
#define UNWRITABLE 0
#endif
#ifndef EXCLUSIVES
#define EXCLUSIVES 0
#endif
#ifndef SHARERS
#define SHARERS 0
#endif
#ifndef DELETIONS
#define DELETIONS 0
#endif

#define SHARED 1
#define EXCLUSIVE 2

#define INODES (DELETIONS + 2) /* and 0, which is none */
#define ME (1 << _pid)
#define SELF (_pid + 1)
#define FD fd[_pid]
#define SAW_SHARED saw_shared[_pid]
#define NOBODY 0

/* The disk. */
byte path;
byte pid_owner;         /* app.db.pid: SELF of who wrote it, 0 for no file */
bit pid_dead;           /* who wrote it has died since */
byte pid_inode;         /* `sidecar` in it */
byte shared;            /* app.db.pid-<id> of the living */
bit litter[2];          /* ... and of the dead: [1] left by narrow ones */

/* The kernel's locks, by inode: masks of readers, SELF of the writer. */
byte pending_read[INODES];
byte pending_write[INODES];
byte reserved[INODES];
byte shared_read[INODES];
byte shared_write[INODES];

/* The contenders. */
byte fd[3];             /* inode that is open, 0 for none */
byte identity[3];       /* the inode that each takes it for */
byte out = (1 << N) - 1; /* those that neither ask nor hold */
byte asleep;            /* those between two tries */
byte saw_shared[3];     /* shared pidfiles that each has listed, ids are unique;
                           it looks once, when it has opened the sidecar */
byte solo;              /* SELF of the one that must get it now */

/* What the promise is about: who has been told that it holds. */
byte holds_shared;
byte holds_exclusive;

#if DELETIONS > 0
byte deletions;
#endif
#ifdef BIG
byte marked;            /* by inode, 1 for the first */
#define MARK(inode) ((1 << (inode)) >> 1)
/* A mark is set by the path. So it names the file that it speaks of, and on
   another one it is none. */
#ifdef MUTATE_MARK_ANY_FILE
#define MAY_MARK (path != 0)
#else
#define MAY_MARK (path != 0 && !IS_REPLACED)
#endif
#endif
#ifdef CRASHES
byte crashes;
#endif

#define NARROW_ONE(i) ((NARROW >> (i)) & 1)
/* It can be told whether i lives, whose record we read. */
#define PROVABLE(i) (!NARROW_ONE(_pid) && !NARROW_ONE(i))
#define BIT(set, i) (((set) >> (i)) & 1)
#define CAN_WRITE (!BIT(UNWRITABLE, _pid))

/* The kernel lists a lock of i on this inode. */
#define LISTED(i, inode) (BIT(shared_read[inode], i) || \
  BIT(pending_read[inode], i) || reserved[inode] == (i) + 1 || \
  pending_write[inode] == (i) + 1 || shared_write[inode] == (i) + 1)

/* Records that prove a living holder of another sidecar: app.db.pid, and each
   shared one. */
#ifdef REUSED
#define PID_LOOKS_ALIVE true
#else
#define PID_LOOKS_ALIVE (!pid_dead)
#endif
#ifdef MUTATE_BELIEVE_THE_LIVING
#define PROVES_LOCK(i, inode) true
#else
#define PROVES_LOCK(i, inode) LISTED(i, inode)
#endif
#ifdef MUTATE_CLEAR_WITHOUT_PROOF
#define PID_ELSEWHERE false
#define SHARED_ELSEWHERE(i) false
#else
#define PID_ELSEWHERE (pid_owner != 0 && PID_LOOKS_ALIVE && \
  PROVABLE(pid_owner - 1) && pid_inode != identity[_pid] && \
  PROVES_LOCK(pid_owner - 1, pid_inode))
#define SHARED_ELSEWHERE(i) (BIT(shared, i) && PROVABLE(i) && \
  identity[i] != identity[_pid] && PROVES_LOCK(i, identity[i]))
#endif

/* Without deletions it never is, and the looks at the path are left out. */
#define IS_REPLACED (path != identity[_pid])

/* A refusal leaves out who is proved dead, and says of those about whom nothing
   can be proved that it does not know. */
#ifdef MUTATE_NAME_THE_DEAD
#define LEFT_OUT false
#else
#define LEFT_OUT pid_dead
#endif
#define PID_NAMED_RIGHTLY (pid_owner == 0 || !PROVABLE(pid_owner - 1) || \
  LEFT_OUT || shared_write[fd[pid_owner - 1]] == pid_owner)
#define SHARED_NAMED_RIGHTLY(i) \
  (!BIT(shared, i) || !PROVABLE(i) || BIT(shared_read[fd[i]], i))

/* Process death: the kernel drops all its locks on a file at once. */
inline forget_locks() {
  pending_read[FD] = pending_read[FD] & ~ME;
  shared_read[FD] = shared_read[FD] & ~ME;
  pending_write[FD] = (pending_write[FD] == SELF -> 0 : pending_write[FD]);
  reserved[FD] = (reserved[FD] == SELF -> 0 : reserved[FD]);
  shared_write[FD] = (shared_write[FD] == SELF -> 0 : shared_write[FD])
}

inline close_sidecar() {
  forget_locks();
  FD = 0;
  identity[_pid] = 0
}

inline forget_list() {
#ifdef BIG
  may_mark = 0;
#endif
  SAW_SHARED = 0; saw_litter[0] = 0; saw_litter[1] = 0
}

inline forget_locals() {
  mode = 0; want = 0; phase = 0; before = 0; saw_pid = 0; published = 0;
  forget_list()
}

/* The pidfile of a shared holder is called by a random id: what somebody has
   listed under it is never another one. */
inline forget_shared() {
  shared = shared & ~ME;
  saw_shared[0] = saw_shared[0] & ~ME;
  saw_shared[1] = saw_shared[1] & ~ME;
  saw_shared[2] = saw_shared[2] & ~ME
}

#ifdef CRASHES
#define MAY_DIE (crashes < CRASHES && solo == NOBODY)
#define COUNT_CRASH crashes++
#else
#define MAY_DIE (solo == NOBODY)
#define COUNT_CRASH skip
#endif

/* One step; instead of it, the process may be killed. */
#define STEP if :: atomic { MAY_DIE -> goto killed }
#define PUBLISHING_STEP if :: atomic { MAY_DIE -> goto killed_while_publishing }
#define DO :: atomic { true;
#define END } fi

/* Nobody else does anything, and nobody holds anything. */
#define QUIET (((out | asleep) | ME) == (1 << N) - 1)
#define ALLOWED (solo == NOBODY)

/* Removing a file that somebody else lives by. */
inline remove_pid() {
#ifdef RECORDS
  assert(pid_owner == 0 || pid_dead || pid_owner == SELF);
#endif
  pid_owner = 0; pid_dead = 0; pid_inode = 0
}
inline remove_shared(set) {
#ifdef RECORDS
  assert((shared & (set) & ~ME) == 0);
#endif
  shared = shared & ~(set)
}

#ifdef WITH_PIDFILES
#define EXCLUSION(condition) skip
#else
#define EXCLUSION(condition) assert(condition)
#endif

/* The names in the folder, which a mark spares. Without sweeps and marks, whoever
   shares does nothing with those of the living. Litter may always go: it is looked
   at where it is removed. */
#ifdef BIG
#define LIST STEP DO \
    forget_list(); \
    if \
    :: path != 0 && (marked & MARK(path)) \
    :: else -> may_mark = 1; SAW_SHARED = shared & ~ME \
    fi \
  END;
#else
#ifdef SWEEPS
#define LISTS_SHARED true
#else
#define LISTS_SHARED (mode == EXCLUSIVE)
#endif
#define LIST STEP DO SAW_SHARED = (LISTS_SHARED -> shared & ~ME : 0) END;
#endif

#define CLAIM 1
#define SWEEP 2
#define AGAIN 3

active [N] proctype Contender() {
  byte mode, want, phase, before;
  bit saw_pid;
  bit saw_litter[2];
  bit published;
#ifdef BIG
  bit may_mark;
#endif

  /* ---- an ask ---------------------------------------------------------- */

end_idle:
idle:
  atomic {
    if
    :: ALLOWED
    :: ALLOWED && QUIET -> solo = SELF
    fi;
    if
    :: !BIT(EXCLUSIVES, _pid) -> mode = SHARED
    :: !BIT(SHARERS, _pid) && (solo == NOBODY || CAN_WRITE) ->
      mode = EXCLUSIVE
    fi;
    out = out & ~ME;
  }
#ifdef MUTATE_PUBLISH_BEFORE_LOCK
  STEP DO
    if
    :: mode == SHARED -> shared = shared | ME
    :: mode == EXCLUSIVE && pid_owner == 0 -> pid_owner = SELF; published = 1
    :: else
    fi
  END;
#endif

  /* Opening the sidecar: what the path leads to is asked before and after. */
open:
#ifdef MUTATE_LOOK_BEFORE_OPEN
  LIST
#endif
made:
#ifndef MUTATE_BELIEVE_OPEN
  STEP DO before = path END;
#endif
  STEP DO /* open(O_CREAT) */
    if
    :: path != 0
    :: else ->
      if
      #define UNUSED(k) (fd[0] != k && fd[1] != k && fd[2] != k)
      :: UNUSED(1) -> path = 1
      :: !UNUSED(1) && UNUSED(2) -> path = 2
#if DELETIONS > 0
      :: !UNUSED(1) && !UNUSED(2) && UNUSED(3) -> path = 3
#endif
      fi;
#ifdef BIG
      marked = marked & ~MARK(path)
#endif
    fi;
    FD = path
  END;
  STEP DO
    identity[_pid] = path;
#ifndef MUTATE_BELIEVE_OPEN
    if
    :: path == 0 || path != before -> close_sidecar(); before = 0; goto made
    :: else -> before = 0
    fi
#endif
  END;
  phase = CLAIM;
#ifndef MUTATE_LOOK_BEFORE_OPEN
  LIST
#endif
try:
  want = mode;
#ifdef MUTATE_SHARED_CLEARS_BEFORE_LOCK
  STEP DO
    if
    :: mode == SHARED && pid_owner != 0 -> remove_pid()
    :: else
    fi
  END;
#endif

  /* ---- a try: BEGIN EXCLUSIVE, or BEGIN and a read --------------------- */

lock:
  STEP DO /* SHARED: read-lock PENDING */
    if
    :: pending_write[FD] == 0 -> pending_read[FD] = pending_read[FD] | ME
    :: else -> goto failed
    fi
  END;
  STEP DO
    if
    :: shared_write[FD] == 0 -> shared_read[FD] = shared_read[FD] | ME
    :: else -> goto failed
    fi
  END;
  STEP DO
    pending_read[FD] = pending_read[FD] & ~ME;
    if
    :: want == SHARED -> goto locked
    :: want == EXCLUSIVE && !CAN_WRITE -> goto unwritable
    :: else
    fi
  END;
  STEP DO /* RESERVED */
    if
    :: reserved[FD] == 0 -> reserved[FD] = SELF
    :: else -> goto failed
    fi
  END;
#ifndef MUTATE_BEGIN_IMMEDIATE
  STEP DO /* PENDING */
    if
    :: (pending_read[FD] & ~ME) == 0 && pending_write[FD] == 0 ->
      pending_write[FD] = SELF
    :: else -> goto failed
    fi
  END;
  STEP DO /* EXCLUSIVE */
    if
    :: (shared_read[FD] & ~ME) == 0 && shared_write[FD] == 0 ->
      shared_write[FD] = SELF
    :: else -> goto failed
    fi
  END;
#endif
  goto locked;

  /* BEGIN EXCLUSIVE said yes to a read lock; PRAGMA user_version=0 says no. */
unwritable:
#ifndef MUTATE_BELIEVE_BEGIN
  STEP DO
    forget_locks();
#ifndef MUTATE_STRICT_SWEEP
    if
    :: phase == SWEEP -> phase = AGAIN; want = SHARED; goto lock
    :: else
    fi;
#endif
    assert(solo != SELF); /* PROGRESS: an error is not the lock */
    goto leave
  END;
#endif

locked:
  if
  :: phase == AGAIN -> goto publish
  :: else
  fi;
#if DELETIONS > 0 && !defined(MUTATE_NO_LOOK_BEFORE_CLEARING)
  STEP DO
    if
    :: IS_REPLACED && phase == SWEEP -> goto failed
    :: IS_REPLACED && phase == CLAIM -> goto moved
    :: else
    fi
  END;
#endif
  if
  :: phase == SWEEP -> goto remove_shared_records
  :: phase == CLAIM && mode == EXCLUSIVE -> goto look
  :: phase == CLAIM && mode == SHARED -> goto look_for_exclusive
  fi;

  /* Not ours: ROLLBACK lets go of whatever we have by now. */
failed:
#ifndef MUTATE_NO_ROLLBACK
  STEP DO
    pending_write[FD] = (pending_write[FD] == SELF -> 0 : pending_write[FD]);
    reserved[FD] = (reserved[FD] == SELF -> 0 : reserved[FD])
  END;
  STEP DO forget_locks() END;
#endif
  if
  :: phase == SWEEP -> phase = AGAIN; want = SHARED; goto lock
  :: atomic { else -> saw_litter[0] = 0; saw_litter[1] = 0; goto busy }
  fi;

  /* ---- won, exclusive: all records are litter; and a sweep ------------- */

look:
  STEP DO
    saw_pid = (pid_owner != 0);
    saw_litter[0] = litter[0]; saw_litter[1] = litter[1]
  END;
  STEP DO /* the texts, and whether they prove a holder elsewhere */
    if
    :: (saw_pid && PID_ELSEWHERE) ||
       (BIT(SAW_SHARED, 0) && SHARED_ELSEWHERE(0)) ||
       (BIT(SAW_SHARED, 1) && SHARED_ELSEWHERE(1)) ||
       (BIT(SAW_SHARED, 2) && SHARED_ELSEWHERE(2)) ->
      saw_pid = 0; saw_litter[0] = 0; saw_litter[1] = 0;
      goto elsewhere
    :: else
    fi;
#ifdef MUTATE_KEEP_LITTER
    saw_pid = 0;
#endif
  END;
remove_exclusive_record:
  STEP DO /* remove the litter */
    if
    :: saw_pid -> remove_pid()
    :: else
    fi;
    saw_pid = 0
  END;
remove_shared_records:
  STEP DO
    remove_shared(SAW_SHARED);
    if :: saw_litter[0] -> litter[0] = 0 :: else fi;
    if :: saw_litter[1] -> litter[1] = 0 :: else fi;
    saw_litter[0] = 0; saw_litter[1] = 0
  END;
#ifdef BIG
  STEP DO
    if
    :: phase != SWEEP && may_mark && MAY_MARK -> marked = marked | MARK(path)
    :: else
    fi
  END;
#endif
  if
  :: phase == SWEEP
  :: else -> goto publish
  fi;

#ifdef MUTATE_SWEEP_UNDER_SHARED
  phase = AGAIN; goto publish;
#else
  STEP DO /* ROLLBACK */
    pending_write[FD] = (pending_write[FD] == SELF -> 0 : pending_write[FD]);
    reserved[FD] = (reserved[FD] == SELF -> 0 : reserved[FD])
  END;
  STEP DO forget_locks(); phase = AGAIN; want = SHARED; goto lock END;
#endif

  /* ---- won, shared: the exclusive record is litter --------------------- */

look_for_exclusive:
  STEP DO /* the names and texts */
    saw_pid = (pid_owner != 0);
#ifndef MUTATE_SHARED_CLEARS_WITHOUT_PROOF
    if
    :: PID_ELSEWHERE -> saw_pid = 0; goto elsewhere
    :: else
    fi;
#endif
#ifdef BIG
    before = (BIT(SAW_SHARED, 0) && SHARED_ELSEWHERE(0)) ||
      (BIT(SAW_SHARED, 1) && SHARED_ELSEWHERE(1)) ||
      (BIT(SAW_SHARED, 2) && SHARED_ELSEWHERE(2))
#endif
  END;
#ifdef BIG
  STEP DO /* a shared one elsewhere excludes nobody here, but forbids a mark */
    if
    :: !before && may_mark && MAY_MARK -> marked = marked | MARK(path)
    :: else
    fi;
    before = 0
  END;
#endif
  STEP DO
    if
    :: saw_pid -> remove_pid()
    :: else
    fi;
    saw_pid = 0
  END;
  STEP DO /* the shared records of the dead */
    if
    :: !NARROW_ONE(_pid) -> litter[0] = 0; SAW_SHARED = SAW_SHARED & NARROW
    :: else
    fi;
#ifdef SWEEPS
    saw_litter[0] = litter[0];
    saw_litter[1] = litter[1];
    if
    :: SAW_SHARED != 0 || saw_litter[0] || saw_litter[1] -> phase = SWEEP
    :: else
    fi;
#endif
    if
    :: phase != SWEEP -> goto publish
    :: else
    fi;
#ifdef MUTATE_SWEEP_UNDER_SHARED
    goto remove_shared_records
#endif
  END;
  STEP DO forget_locks(); want = EXCLUSIVE; goto lock END;

  /* ---- publish, and look once more at the path ------------------------- */

publish:
  atomic { phase = CLAIM; forget_list() }
#ifndef MUTATE_PUBLISH_BEFORE_LOCK
  PUBLISHING_STEP DO /* link(2) */
    if
#ifdef LOSSY
    :: true /* the disk is full: held, but unnamed */
#endif
    :: mode == SHARED -> shared = shared | ME
    :: mode == EXCLUSIVE && pid_owner == 0 ->
      pid_owner = SELF; pid_inode = identity[_pid]; published = 1
    :: mode == EXCLUSIVE && pid_owner != 0 -> /* EEXIST: held, but unnamed */
#if defined(RECORDS) && (DELETIONS == 0 || defined(WHILE_FREE))
      assert(pid_owner == 0) /* RECORDS */
#else
      skip
#endif
    fi
  END;
#endif
#if DELETIONS > 0 && !defined(MUTATE_NO_LOOK_AFTER_PUBLISHING)
  STEP DO
    if
    :: IS_REPLACED -> phase = AGAIN; goto withdraw
    :: else
    fi
  END;
#endif

  /* ---- a holder -------------------------------------------------------- */

  atomic {
    if
    :: mode == EXCLUSIVE ->
      EXCLUSION((holds_exclusive | holds_shared) == 0);
      holds_exclusive = holds_exclusive | ME
    :: mode == SHARED ->
      EXCLUSION(holds_exclusive == 0);
      holds_shared = holds_shared | ME
    fi;
    if
    :: solo == SELF -> goto proved
    :: else
    fi
  }
  STEP DO /* a release begins */
    holds_exclusive = holds_exclusive & ~ME;
    holds_shared = holds_shared & ~ME
  END;
#ifdef MUTATE_UNLOCK_BEFORE_WITHDRAW
  STEP DO forget_locks() END;
#endif

  /* ---- withdraw, then ROLLBACK and close ------------------------------- */

withdraw:
  STEP DO /* read it: is it ours? */
#ifdef MUTATE_WITHDRAW_ANY
    saw_pid = (published && pid_owner != 0)
#else
    saw_pid = (published && pid_owner == SELF && !pid_dead)
#endif
#ifndef WITH_PIDFILES
  END;
  STEP DO
#endif
    if
    :: saw_pid ->
#ifdef WITH_PIDFILES
      assert(pid_owner == SELF); /* RECORDS */
#endif
      remove_pid()
    :: else
    fi;
    saw_pid = 0; published = 0;
    forget_shared()
  END;
#if DELETIONS > 0 && !defined(MUTATE_NO_LOOK_AFTER_PUBLISHING)
  if
  :: phase == AGAIN -> phase = CLAIM; goto moved
  :: else
  fi;
#endif

leave:
  STEP DO
    pending_write[FD] = (pending_write[FD] == SELF -> 0 : pending_write[FD]);
    reserved[FD] = (reserved[FD] == SELF -> 0 : reserved[FD])
  END;
  atomic {
    close_sidecar();
    forget_locals();
    out = out | ME
  }
  goto idle;

  /* ---- another try, or a refusal --------------------------------------- */

moved: /* what was tried is not what the path leads to */
  STEP DO
#ifdef MUTATE_WAIT_ON_REPLACED
    forget_locks(); goto busy
#else
    close_sidecar(); phase = 0; goto open
#endif
  END;

elsewhere:
  STEP DO forget_locks() END;
busy:
#if DELETIONS > 0
  STEP DO /* a look at the path, now and then */
    if
    :: IS_REPLACED -> close_sidecar(); phase = 0; goto open
    :: true
    fi
  END;
#endif
  assert(solo != SELF); /* PROGRESS */
  if
  :: atomic { phase = CLAIM; goto refuse }
  :: atomic { phase = CLAIM; asleep = asleep | ME }
  fi;
end_asleep:
  if
  :: atomic { MAY_DIE -> goto killed }
  :: atomic {
      if
      :: ALLOWED
      :: ALLOWED && QUIET && (mode == SHARED || CAN_WRITE) -> solo = SELF
      fi;
      asleep = asleep & ~ME;
      goto try
    }
  fi;

refuse: /* LockedError: only now anybody reads the records for names */
  STEP DO
    skip;
#ifdef REFUSAL
    assert(PID_NAMED_RIGHTLY);
    assert(mode == SHARED || (SHARED_NAMED_RIGHTLY(0) &&
      SHARED_NAMED_RIGHTLY(1) && SHARED_NAMED_RIGHTLY(2)));
#endif
#ifdef MUTATE_CLEAR_WITHOUT_LOCK
    if
    :: pid_owner != 0 && !PROVABLE(pid_owner - 1) -> remove_pid()
    :: else
    fi
#endif
  END;
  goto leave;

  /* ---- SIGKILL --------------------------------------------------------- */

  atomic {
    skip; /* spin wants no label at the start */
killed_while_publishing: /* app.db.pid-<id>.tmp stays behind */
    litter[NARROW_ONE(_pid)] = 1;
killed:
    COUNT_CRASH;
    if
    :: BIT(shared, _pid) -> litter[NARROW_ONE(_pid)] = 1
    :: else
    fi;
    forget_shared();
    if
    :: pid_owner == SELF -> pid_dead = 1
    :: else
    fi;
    holds_shared = holds_shared & ~ME;
    holds_exclusive = holds_exclusive & ~ME;
    asleep = asleep & ~ME;
    close_sidecar();
    forget_locals();
    out = out | ME;
    goto idle
  }

end_proved:
proved:
  false
}

/* ---- Somebody who tidies up ----------------------------------------------- */

#ifdef LOSSY
active proctype PidfileFault() { /* rm app.db.pid* */
end_fault:
  do
  :: atomic {
      solo == NOBODY && (pid_owner != 0 || shared != 0) ->
      pid_owner = 0; pid_dead = 0; pid_inode = 0;
      shared = 0
    }
  od
}
#endif

#if DELETIONS > 0
#ifdef WHILE_FREE
#define LOCKED(k) (pending_read[k] != 0 || pending_write[k] != 0 || \
  reserved[k] != 0 || shared_read[k] != 0 || shared_write[k] != 0)
#define MAY_DELETE (!LOCKED(path))
#else
#define MAY_DELETE true
#endif
active proctype SidecarFault() { /* rm app.db.lock */
end_fault:
  do
  :: atomic {
      solo == NOBODY && path != 0 && deletions < DELETIONS && MAY_DELETE ->
      deletions++;
#ifdef WITH_PIDFILES
      pid_owner = 0; pid_dead = 0; pid_inode = 0;
#endif
      path = 0
    }
  od
}
#endif
