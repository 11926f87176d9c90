// Who there is, and what one can do with them.

import { phrases } from "../index.ts";

export const lobby = phrases({
  directory: {
    en: "People and devices",
    es: "Personas y dispositivos",
    pt: "Pessoas e dispositivos",
  },
  people: { en: "People", es: "Personas", pt: "Pessoas" },
  devices: { en: "Devices", es: "Dispositivos", pt: "Dispositivos" },
  onAirNow: { en: "On air · {status}", es: "En el aire · {status}", pt: "No ar · {status}" },
  available: { en: "Available", es: "Disponible", pt: "Disponível" },
  busy: { en: "In a call", es: "En una llamada", pt: "Em chamada" },
  offline: { en: "Offline", es: "Sin conexión", pt: "Off-line" },
  online: { en: "Online", es: "En línea", pt: "On-line" },
  callWhom: { en: "Call {name}", es: "Llamar a {name}", pt: "Ligar para {name}" },
  callUnseen: {
    en: "Call with sound only: {name}",
    es: "Llamar solo con sonido: {name}",
    pt: "Ligar só com som: {name}",
  },
  asking: {
    en: "Asking who is there…",
    es: "Consultando quién está…",
    pt: "Verificando quem está…",
  },
  nobody: { en: "Nobody here yet", es: "Todavía no hay nadie", pt: "Ninguém por aqui ainda" },
  nobodyAdvice: {
    en: "People and devices that have an account on this server, and let you see them, appear here.",
    es: "Aquí aparecen las personas y los dispositivos con cuenta en este servidor que te permiten verlos.",
    pt: "Aqui aparecem as pessoas e os dispositivos com conta neste servidor que permitem que você os veja.",
  },
  larger: { en: "Enlarge {name}", es: "Ampliar {name}", pt: "Ampliar {name}" },
  smaller: { en: "All side by side again", es: "Volver a la cuadrícula", pt: "Voltar à grade" },
  callBack: { en: "Call back", es: "Devolver la llamada", pt: "Retornar" },
});
