// Keeps a phone's screen on. Where the browser cannot, nothing happens.

/** Begins; what is returned ends it. */
export function stayAwake(): () => void {
  let lock: WakeLockSentinel | null = null;
  let isOver = false;
  const ask = async (): Promise<void> => {
    if (document.hidden || !("wakeLock" in navigator)) return;
    // Refused when the battery is low.
    lock = await navigator.wakeLock.request("screen").catch(() => null);
    if (isOver) await lock?.release();
  };
  // It is taken away whenever the page is hidden.
  const shown = (): void => void ask();
  document.addEventListener("visibilitychange", shown);
  void ask();
  return () => {
    isOver = true;
    document.removeEventListener("visibilitychange", shown);
    void lock?.release();
  };
}
