/** A transaction that is begun and ended by calls of their own, as ORMs do. */
export class Turn {
  #db;
  #open = null;

  constructor(db) {
    this.#db = db;
  }

  /** What statements run on: the transaction's handle while there is one. */
  get handle() {
    return this.#open?.tx ?? this.#db;
  }

  /** Waits for its turn among all processes, and begins. */
  async begin() {
    if (this.#open !== null) {
      throw new Error("a transaction of this connection has not ended");
    }
    const waiting = new AbortController();
    const open = { rollback: (reason) => waiting.abort(reason) };
    this.#open = open;
    await new Promise((resolve, reject) => {
      open.done = this.#db.writeAsync(async (tx) => {
        const ended = new Promise((commit, rollback) => {
          Object.assign(open, { tx, commit, rollback });
        });
        resolve();
        await ended;
      }, { signal: waiting.signal });
      open.done.catch((error) => {
        if (this.#open === open && open.tx === undefined) this.#open = null;
        reject(error);
      });
    });
  }

  async commit() {
    const { commit, done } = this.#open;
    this.#open = null;
    commit();
    await done;
  }

  async rollback() {
    if (this.#open === null) return;
    const { rollback, done } = this.#open;
    this.#open = null;
    rollback(new Error("rolled back"));
    await done.catch(() => {});
  }
}
