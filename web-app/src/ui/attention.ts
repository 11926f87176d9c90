// Gets somebody to look at this page: by its title, a notification, and a phone's motor.

/** In words, and in few: `title` stands in a tab. */
export interface Summons {
  readonly title: string;
  readonly body: string;
}

const FLASH_MS = 1_000;

/** Begins; what is returned ends it. */
export function summon({ title, body }: Summons): () => void {
  const usual = document.title;
  const flash = setInterval(() => {
    document.title = document.title === usual ? title : usual;
  }, FLASH_MS);
  document.title = title;
  const notice = new Notice(title, body);
  notice.showIfHidden();
  const hidden = (): void => notice.showIfHidden();
  document.addEventListener("visibilitychange", hidden);
  shake([400, 200, 400]);
  return () => {
    clearInterval(flash);
    document.title = usual;
    document.removeEventListener("visibilitychange", hidden);
    notice.close();
    shake([]);
  };
}

/** What was decided about notifications; null where there are none. */
export function notificationPermission(): NotificationPermission | null {
  return "Notification" in globalThis ? Notification.permission : null;
}

/** Only after a click. What was decided. */
export async function askForNotifications(): Promise<NotificationPermission | null> {
  return "Notification" in globalThis ? Notification.requestPermission() : null;
}

class Notice {
  readonly #title: string;
  readonly #body: string;
  #shown: { close(): void } | null = null;
  #closed = false;

  constructor(title: string, body: string) {
    this.#title = title;
    this.#body = body;
  }

  showIfHidden(): void {
    if (!document.hidden || this.#shown || notificationPermission() !== "granted") return;
    const options = { body: this.#body, icon: "/icon.svg", tag: "call", requireInteraction: true };
    try {
      const shown = new Notification(this.#title, options);
      shown.addEventListener("click", () => {
        globalThis.focus();
        shown.close();
      });
      this.#shown = shown;
    } catch {
      // Phones have them from a service worker only.
      void this.#showFromWorker(options);
    }
  }

  close(): void {
    this.#closed = true;
    this.#shown?.close();
  }

  async #showFromWorker(options: NotificationOptions & { tag: string }): Promise<void> {
    const worker = await navigator.serviceWorker?.getRegistration();
    if (!worker || this.#closed) return;
    await worker.showNotification(this.#title, options);
    const [shown] = await worker.getNotifications({ tag: options.tag });
    if (this.#closed) shown?.close();
    else this.#shown = shown ?? null;
  }
}

function shake(pattern: number[]): void {
  // Firefox and Safari have no such motor; others want a tap on the page first.
  if ("vibrate" in navigator && navigator.userActivation?.hasBeenActive) navigator.vibrate(pattern);
}
