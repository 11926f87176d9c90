// Installing the page as an app: Chromium offers it by an event, Safari explains it in a menu.

interface InstallOffer extends Event {
  prompt(): Promise<unknown>;
}

let offer: InstallOffer | null = $state.raw(null);

globalThis.addEventListener("beforeinstallprompt", (event) => {
  // It comes again when somebody asks for it in the settings.
  event.preventDefault();
  offer = event as InstallOffer;
});
globalThis.addEventListener("appinstalled", () => (offer = null));

export function canInstall(): boolean {
  return offer !== null;
}

/** An iPhone or iPad that shows this page in a browser. */
export function isIosBrowser(): boolean {
  return (navigator as { standalone?: boolean }).standalone === false;
}

/** After a click. */
export async function install(): Promise<void> {
  await offer?.prompt();
  offer = null;
}
