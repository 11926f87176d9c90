// The ways between the screens.

import { phrases } from "../index.ts";

export const screens = phrases({
  screens: { en: "Screens", es: "Pantallas", pt: "Telas" },
  lobby: { en: "Home", es: "Inicio", pt: "Início" },
  history: { en: "Calls", es: "Llamadas", pt: "Chamadas" },
  settings: { en: "Settings", es: "Ajustes", pt: "Ajustes" },
  admin: { en: "Admin", es: "Gestión", pt: "Gestão" },
  missed: {
    en: { one: "{count} missed call", other: "{count} missed calls" },
    es: { one: "{count} llamada perdida", other: "{count} llamadas perdidas" },
    pt: { one: "{count} chamada perdida", other: "{count} chamadas perdidas" },
  },
});
