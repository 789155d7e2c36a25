/*
 * A model of how contenders wait for the lock, how long they doubt, and whom a
 * refusal names, for spin:
 *
 *   spin -a -DN=3 waiting.pml && gcc -O1 -DSAFETY -o pan pan.c && ./pan
 *
 * lock.pml knows no time. Here time goes in ticks, and everybody has one turn
 * in each, in any order. Whatever takes microseconds is one step of a turn: a
 * try, the kernel's locks that it takes, a release.
 *
 * What is modelled:
 *
 *   a slice       BEGIN EXCLUSIVE with a busy_timeout. While others share the
 *                 lock, SQLite keeps SHARED, RESERVED and PENDING, and lets no
 *                 new reader in. It asks again until SLICE ticks are over, and
 *                 lets go of all of them. The kernel does so if the process
 *                 dies.
 *   a pause       After a slice in vain a waiter has no lock for PAUSE ticks.
 *   a doubt       Who may not wait tries once a tick, and is refused only if
 *                 BUSY has lasted longer than a slice, or a record proves a
 *                 holder that excludes it.
 *   a refusal     names the holders by their records, and those without one by
 *                 the kernel's list: a process that has SHARED in every one of
 *                 several looks, and neither RESERVED nor PENDING in any.
 *
 * What is promised:
 *
 *   PROGRESS   an exclusive waiter gets in before its first slice is over, if
 *              nobody shares the lock for as long as a slice, however much
 *              those who share it overlap.
 *   REFUSAL    nobody is refused that was not excluded by a holder while it
 *              doubted; and nobody is named that has only asked since.
 *
 * What is assumed:
 *
 *   A try has SHARED for microseconds before it gets BUSY, and a look at the
 *   kernel's list may fall into them (a glimpse). Chance lets that happen to
 *   one process in one look, and not in all of them.
 *   A record is that of a living holder: lock.pml proves it.
 *
 * Worlds (-D...):
 *
 *   N            contenders, up to 4
 *   WAITERS      bit mask of contenders that ask for exclusive, and wait; the
 *                others ask for shared or exclusive, and may not wait
 *   SHARERS      bit mask of contenders that ask for shared only
 *   LASTING      bit mask of contenders that, once they share the lock, let go
 *                only when they die; the others within HOLD ticks
 *   IN_A_SLICE, JUSTIFIED
 *                assert PROGRESS, and the first half of REFUSAL
 *
 * Known limits, outside of what is promised:
 *
 *   JUSTIFIED needs that there is one waiter at a time. The slice of a second
 *   one may begin where that of the first ends; so a shared ask may see PENDING
 *   for longer than a slice, though nobody excludes it. It is refused then, and
 *   names nobody.
 */

#ifndef N
#define N 3
#endif
#ifndef WAITERS
#define WAITERS 1
#endif
#ifndef SHARERS
#define SHARERS 0
#endif
#ifndef LASTING
#define LASTING 0
#endif

#define SLICE 3
#define HOLD 1 /* and one tick more: less than a slice in any order of turns */
/* Two turns of one contender may be nearly two ticks apart. One that doubts
   must have one of them in the pause. */
#ifdef MUTATE_SHORT_PAUSE
#define PAUSE 1
#else
#define PAUSE 2
#endif

#define NOBODY 0
#define ME (1 << _pid)
#define SELF (_pid + 1)
#define ALL ((1 << N) - 1)
#define BIT(set, i) (((set) >> (i)) & 1)
#define BIT_OF(self) ((1 << (self)) >> 1)

/* The kernel's locks. */
byte sharing;           /* SHARED: mask of its holders */
byte excluding;         /* EXCLUSIVE: SELF of its holder */
byte pending;           /* SELF of the waiter in its slice, which has SHARED,
                           RESERVED and PENDING */

byte recorded;          /* mask of holders that have a record */
byte tried;             /* mask of those that tried in vain in this tick */
byte held_since[4];     /* mask of those that have held since each asked */
byte had_turn;

/* The holders that exclude what is asked for. */
#define EXCLUDERS \
  ((BIT_OF(excluding) | (mode == EXCLUSIVE -> sharing : 0)) & ~ME)
#define LASTS (mode == SHARED && BIT(LASTING, _pid))

/* Whether BUSY, seen for some ticks by now, proves nothing yet. */
#if defined(MUTATE_NO_DOUBT)
#define IS_DOUBTFUL false
#elif defined(MUTATE_DOUBT_ONE_SLICE)
#define IS_DOUBTFUL (ticks < SLICE && (EXCLUDERS & recorded) == 0)
#elif defined(MUTATE_ANY_RECORD_PROVES)
#define IS_DOUBTFUL (ticks <= SLICE && recorded == 0)
#else
#define IS_DOUBTFUL (ticks <= SLICE && (EXCLUDERS & recorded) == 0)
#endif

mtype = { OUT, WAITS, PAUSES, DOUBTS, HOLDS };
#define SHARED 1
#define EXCLUSIVE 2

inline release() {
  sharing = sharing & ~ME;
  recorded = recorded & ~ME;
  if :: excluding == SELF -> excluding = NOBODY :: else fi;
  if :: pending == SELF -> pending = NOBODY :: else fi
}

inline hold() {
  state = HOLDS; ticks = 0; held_since[_pid] = 0; excluded = 0; waited = 0;
  if :: recorded = recorded | ME :: true fi; /* a disk may be full */
  i = 0;
  do
  :: i < N -> held_since[i] = held_since[i] | ME; i++
  :: else -> i = 0; break
  od
}

inline stay_out() {
  state = OUT; mode = 0; ticks = 0; held_since[_pid] = 0; excluded = 0
}

/* Who holds now has held since, too. */
inline ask() {
  ticks = 0;
  held_since[_pid] = sharing | BIT_OF(excluding)
}

/* The looks at the kernel's list come so soon after one another that they show
   the same, but for glimpses. */
inline look() {
  named = EXCLUDERS;
  if
  :: mode == EXCLUSIVE && excluding == NOBODY ->
#ifdef MUTATE_NAME_THE_PENDING
    named = named | (BIT_OF(pending) & ~ME);
#endif
#ifdef MUTATE_ONE_LOOK
    named = named | (tried & ~ME);
#endif
    skip
  :: else
  fi
}

active [N] proctype Contender() {
  mtype state = OUT;
  byte mode, ticks, waited, named, i;
  bit excluded; /* by a holder, since the first BUSY */

end_turn:
  do
  :: atomic { !BIT(had_turn, _pid) ->
      tried = tried & ~ME;
again:
      if
      :: state == OUT
      :: state == OUT && BIT(WAITERS, _pid) ->
        mode = EXCLUSIVE; ask(); state = WAITS; goto again
      :: state == OUT && !BIT(WAITERS, _pid) ->
        mode = SHARED; ask(); state = DOUBTS; goto again
      :: state == OUT && !BIT(WAITERS | SHARERS, _pid) ->
        mode = EXCLUSIVE; ask(); state = DOUBTS; goto again

      /* ---- an exclusive waiter: a slice, a pause, a slice -------------- */

      :: state == WAITS ->
        if
        :: excluding == NOBODY && (pending == NOBODY || pending == SELF) ->
          pending = SELF;
          if
          :: sharing == 0 -> pending = NOBODY; excluding = SELF; hold()
          :: else
          fi
        :: else -> tried = tried | ME
        fi;
        if
        :: state == WAITS ->
#ifdef IN_A_SLICE
          assert(waited <= SLICE); /* PROGRESS */
          waited++;
#endif
#ifdef MUTATE_WAIT_WITHOUT_SLICE
          release()
#else
          if
          :: ticks == SLICE -> release(); ticks = 0; state = PAUSES
          :: else -> ticks++
          fi
#endif
        :: else
        fi
      :: state == PAUSES ->
        ticks++;
        if
        :: ticks == PAUSE -> ticks = 0; state = WAITS; goto again
        :: else
        fi

      /* ---- one that may not wait --------------------------------------- */

      :: state == DOUBTS ->
        if
        :: mode == SHARED && excluding == NOBODY && pending == NOBODY ->
          sharing = sharing | ME; hold()
        :: mode == EXCLUSIVE && excluding == NOBODY && pending == NOBODY &&
            sharing == 0 ->
          excluding = SELF; hold()
        :: else ->
          tried = tried | ME;
          excluded = (excluded || EXCLUDERS != 0);
          if
          :: IS_DOUBTFUL -> ticks++
          :: else ->
            look();
            assert((named & ~held_since[_pid]) == 0); /* REFUSAL */
            named = 0;
#ifdef JUSTIFIED
            assert(excluded); /* REFUSAL */
#endif
            stay_out()
          fi
        fi

      /* ---- a holder ---------------------------------------------------- */

      :: state == HOLDS && LASTS
      :: state == HOLDS && !LASTS && ticks < HOLD -> ticks++
      :: state == HOLDS && !LASTS && ticks > 0 -> release(); stay_out()
      fi;
      had_turn = had_turn | ME;
      had_turn = (had_turn == ALL -> 0 : had_turn)
    }
  :: atomic { /* SIGKILL; nobody comes in its place */
      !BIT(had_turn, _pid) && state != OUT ->
      release(); stay_out(); waited = 0;
      tried = tried & ~ME;
      break
    }
  od;
  do
  :: atomic { !BIT(had_turn, _pid) ->
      had_turn = had_turn | ME;
      had_turn = (had_turn == ALL -> 0 : had_turn)
    }
  od
}
