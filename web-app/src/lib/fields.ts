// The fields of a message, each read as what it must be. Pure.

/** The text is not a message of this protocol. */
export class BadMessage extends Error {
  override readonly name = "BadMessage";
}

/** The fields of a JSON object. Its methods throw {@link BadMessage}. */
export class Fields {
  readonly all: Record<string, unknown>;

  constructor(value: unknown) {
    if (!isObject(value)) throw new BadMessage("not an object");
    this.all = value;
  }

  any(name: string): unknown {
    return this.all[name];
  }

  string(name: string): string {
    const value = this.all[name];
    if (typeof value !== "string") throw new BadMessage(`missing field ${name}`);
    return value;
  }

  optionalString(name: string): string | null {
    const value = this.all[name];
    if (value === undefined || value === null) return null;
    return this.string(name);
  }

  /** A count. */
  number(name: string): number {
    const value = this.all[name];
    if (!Number.isSafeInteger(value)) throw new BadMessage(`missing field ${name}`);
    return value as number;
  }

  object(name: string): Fields {
    return new Fields(this.all[name]);
  }

  objects(name: string): Fields[] {
    return this.#array(name).map((item) => new Fields(item));
  }

  strings(name: string): string[] {
    const values = this.#array(name);
    if (!values.every((value) => typeof value === "string")) {
      throw new BadMessage(`bad field ${name}`);
    }
    return values;
  }

  #array(name: string): unknown[] {
    const value = this.all[name];
    if (!Array.isArray(value)) throw new BadMessage(`missing field ${name}`);
    return value;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
