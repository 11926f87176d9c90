// The admin page.

import { phrases } from "../index.ts";

export const admin = phrases({
  title: { en: "Admin", es: "Administración", pt: "Administração" },
});
