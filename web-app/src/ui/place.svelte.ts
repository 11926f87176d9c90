// Which screen is shown. It is in the address (`#history`), so that the browser's way back works.

export const VIEWS = ["lobby", "history", "settings", "admin"] as const;
export type View = (typeof VIEWS)[number];

export class Place {
  view: View = $state(inAddress());

  constructor() {
    globalThis.addEventListener("hashchange", () => (this.view = inAddress()));
  }
}

/** What a link to that screen says in its `href`. */
export function address(view: View): string {
  return `#${view}`;
}

function inAddress(): View {
  return VIEWS.find((view) => address(view) === location.hash) ?? "lobby";
}
