import { describe, expect, it } from "vitest";
import { instance } from "../src/lib/instance.ts";

describe("an installation", () => {
  it("keeps its name, and each tab has another one", async () => {
    const browser = new Browser();
    const first = await instance(browser.tab());
    const second = await instance(browser.tab());
    expect(first).toMatch(/^[0-9a-f]{16}\.0$/);
    expect(second).toBe(first.replace(/0$/, "1"));
    browser.close(first);
    expect(await instance(browser.tab())).toBe(first);
  });

  it("is random where nothing can be remembered or held", async () => {
    const refusing = {
      getItem: (): never => {
        throw new Error("denied");
      },
      setItem: (): void => undefined,
    };
    const names = await Promise.all(
      [1, 2].map(async () => instance({ storage: refusing, locks: undefined })),
    );
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{16}\.x$/);
  });
});

/** Storage and locks of one browser. */
class Browser {
  readonly #stored = new Map<string, string>();
  readonly #held = new Set<string>();

  tab(): Parameters<typeof instance>[0] {
    const storage = {
      getItem: (key: string) => this.#stored.get(key) ?? null,
      setItem: (key: string, value: string) => void this.#stored.set(key, value),
    };
    const request = async (
      name: string,
      _options: LockOptions,
      use: (lock: Lock | null) => unknown,
    ): Promise<unknown> => {
      const isFree = !this.#held.has(name);
      this.#held.add(name);
      return use(isFree ? { name, mode: "exclusive" } : null);
    };
    return { storage, locks: { request } as unknown as LockManager };
  }

  close(tab: string): void {
    this.#held.delete(`intercom.${tab}`);
  }
}
