// Whether the server can be reached.

import { phrases } from "../index.ts";

export const connection = phrases({
  connecting: { en: "Connecting", es: "Conectando", pt: "Conectando" },
  connected: { en: "Connected", es: "Conectado", pt: "Conectado" },
  unreachable: {
    en: "Server unreachable, {retry}",
    es: "No se puede acceder al servidor, {retry}",
    pt: "Servidor inacessível, {retry}",
  },
  refused: { en: "Not let in", es: "Acceso denegado", pt: "Acesso negado" },
  cut: {
    en: "Closed by somebody in charge",
    es: "Cerrado por quien administra",
    pt: "Encerrado por quem administra",
  },
  retry: { en: "trying again", es: "reintentando", pt: "tentando de novo" },
  retryIn: {
    en: "trying again in {seconds} s",
    es: "nuevo intento en {seconds} s",
    pt: "nova tentativa em {seconds} s",
  },
  tryNow: { en: "Try now", es: "Intentar ahora", pt: "Tentar agora" },
});
