// Which installation of an account this page is. The server gives an installation the same peer id
// each time; two tabs must differ. Not a secret: it opens nothing.

const KEY = "intercom.installation";
const TABS = 16;

/** What it needs of the browser; without locks, on a page that is not secure, tabs are random. */
export interface Installation {
  readonly storage: Pick<Storage, "getItem" | "setItem">;
  readonly locks: Pick<LockManager, "request"> | undefined;
}

/** A name for this tab, held until the tab is closed. */
export async function instance({ storage, locks }: Installation = browser()): Promise<string> {
  const installation = remembered(storage);
  for (let tab = 0; locks && tab < TABS; tab += 1) {
    const name = `${installation}.${tab}`;
    if (await hold(locks, `intercom.${name}`)) return name;
  }
  return another();
}

/** A name that nobody has. */
export function another(): string {
  return `${random()}.x`;
}

async function hold(locks: Pick<LockManager, "request">, name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const held = locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      // Never settled: the lock goes with the tab.
      return lock === null ? undefined : new Promise<void>(() => undefined);
    });
    held.catch(() => resolve(false));
  });
}

function remembered(storage: Installation["storage"]): string {
  try {
    const known = storage.getItem(KEY);
    if (known !== null && /^[0-9a-f]{16}$/.test(known)) return known;
    const fresh = random();
    storage.setItem(KEY, fresh);
    return fresh;
  } catch {
    return random();
  }
}

function random(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function browser(): Installation {
  return { storage: localStorage, locks: navigator.locks as LockManager | undefined };
}
