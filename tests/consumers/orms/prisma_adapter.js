import {
  ColumnTypeEnum,
  DriverAdapterError,
} from "@prisma/driver-adapter-utils";
import { open } from "litelatch";
import { Turn } from "./turn.js";

/** `new PrismaClient({ adapter: new LitelatchPrisma("app.db") })` */
export class LitelatchPrisma {
  provider = "sqlite";
  adapterName = "litelatch";
  #path;
  #options;

  constructor(path, options) {
    this.#path = path;
    this.#options = options;
  }

  async connect() {
    return new Adapter(open(this.#path, this.#options));
  }
}

class Queries {
  provider = "sqlite";
  adapterName = "litelatch";

  constructor(turn) {
    this.turn = turn;
  }

  async queryRaw({ sql, args, argTypes }) {
    const rows = run(() =>
      this.turn.handle.prepare(sql).all(...args.map(toSqlite(argTypes)))
    );
    const columnNames = Object.keys(rows[0] ?? {});
    return {
      columnNames,
      columnTypes: columnNames.map((name) =>
        typeOf(rows.map((row) => row[name]).find((value) => value !== null))
      ),
      rows: rows.map((row) => Object.values(row).map(toPrisma)),
    };
  }

  async executeRaw({ sql, args, argTypes }) {
    return run(() =>
      this.turn.handle.prepare(sql).run(...args.map(toSqlite(argTypes)))
    ).changes;
  }
}

class Adapter extends Queries {
  #db;

  constructor(db) {
    super(new Turn(db));
    this.#db = db;
  }

  async executeScript(sql) {
    run(() => this.#db.exec(sql));
  }

  async startTransaction() {
    const turn = new Turn(this.#db);
    await turn.begin();
    return new Transaction(turn);
  }

  async dispose() {
    this.#db.close();
  }
}

class Transaction extends Queries {
  options = { usePhantomQuery: true };
  commit = () => this.turn.commit();
  rollback = () => this.turn.rollback();
  createSavepoint = (name) => this.#exec(`SAVEPOINT ${name}`);
  rollbackToSavepoint = (name) => this.#exec(`ROLLBACK TO ${name}`);
  releaseSavepoint = (name) => this.#exec(`RELEASE ${name}`);

  async #exec(sql) {
    run(() => this.turn.handle.exec(sql));
  }
}

/** What Prisma's own adapters write for each type. */
const toSqlite = (types) => (value, i) => {
  const type = types[i]?.scalarType;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value === null) return null;
  if (type === "datetime" || value instanceof Date) {
    return new Date(value).toISOString().replace("Z", "+00:00");
  }
  if (typeof value !== "string") return value;
  if (type === "int" || type === "float" || type === "decimal") {
    return Number(value);
  }
  if (type === "bigint") return BigInt(value);
  return type === "bytes" ? Buffer.from(value, "base64") : value;
};

const toPrisma = (value) => typeof value === "bigint" ? `${value}` : value;

function typeOf(value) {
  if (typeof value === "string") return ColumnTypeEnum.Text;
  if (typeof value === "bigint") return ColumnTypeEnum.Int64;
  if (typeof value === "object") return ColumnTypeEnum.Bytes;
  return ColumnTypeEnum.UnknownNumber;
}

/** Says in Prisma's words what SQLite said. */
function run(query) {
  try {
    return query();
  } catch (error) {
    const [, what, of = ""] =
      /(UNIQUE|NOT NULL|FOREIGN KEY|no such table|no such column)(?: constraint failed)?(?:: (.*))?$/
        .exec(error.message) ?? [];
    const fields = of.split(", ").map((name) => name.split(".").pop());
    const mapped = {
      "UNIQUE": { kind: "UniqueConstraintViolation", constraint: { fields } },
      "NOT NULL": { kind: "NullConstraintViolation", constraint: { fields } },
      "FOREIGN KEY": {
        kind: "ForeignKeyConstraintViolation",
        constraint: { foreignKey: {} },
      },
      "no such table": { kind: "TableDoesNotExist", table: of },
      "no such column": { kind: "ColumnNotFound", column: of },
    }[what];
    if (mapped === undefined) throw error;
    throw new DriverAdapterError({ ...mapped, originalMessage: error.message });
  }
}
