// What a screen reader says when something has changed.

import { phrases } from "../index.ts";

export const announcements = phrases({
  loggedIn: {
    en: "Logged in as {name}",
    es: "Sesión iniciada como {name}",
    pt: "Você entrou como {name}",
  },
  loggedOut: { en: "Logged out", es: "Sesión cerrada", pt: "Você saiu" },
  stopped: { en: "Stopped {name}", es: "Se dejó de ver {name}", pt: "Parou de ver {name}" },
  connecting: {
    en: "Connecting to {name}",
    es: "Conectando con {name}",
    pt: "Conectando a {name}",
  },
  watching: { en: "Watching {name}", es: "Viendo {name}", pt: "Vendo {name}" },
  onAir: { en: "You are on the air", es: "Estás en el aire", pt: "Você está no ar" },
  offAir: {
    en: "You are off the air",
    es: "Ya no estás en el aire",
    pt: "Você saiu do ar",
  },
  connected: {
    en: "Connected to the server",
    es: "Conectado al servidor",
    pt: "Conectado ao servidor",
  },
  unreachable: {
    en: "The server is unreachable; trying again",
    es: "No se puede acceder al servidor; reintentando",
    pt: "O servidor está inacessível; tentando de novo",
  },
  cameOnAir: {
    en: "{name} is on the air",
    es: "{name} está en el aire",
    pt: "{name} está no ar",
  },
  leftAir: {
    en: "{name} went off the air",
    es: "{name} salió del aire",
    pt: "{name} saiu do ar",
  },
});
