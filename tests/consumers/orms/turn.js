/** A transaction that is begun and ended by calls of their own, as ORMs do. */
export class Turn {
  #db;
  #tx = null;
  #end = null;
  #done = null;

  constructor(db) {
    this.#db = db;
  }

  /** What statements run on: the transaction's handle while there is one. */
  get handle() {
    return this.#tx ?? this.#db;
  }

  /** Waits for its turn among all processes, and begins. */
  begin() {
    return new Promise((resolve, reject) => {
      this.#done = this.#db.writeAsync(async (tx) => {
        this.#tx = tx;
        const ended = new Promise((commit, rollback) => {
          this.#end = { commit, rollback };
        });
        resolve();
        await ended;
      });
      this.#done.catch(reject);
    });
  }

  async commit() {
    this.#tx = null;
    this.#end.commit();
    await this.#done;
  }

  async rollback() {
    if (this.#tx === null) return;
    this.#tx = null;
    this.#end.rollback(new Error("rolled back"));
    await this.#done.catch(() => {});
  }
}
