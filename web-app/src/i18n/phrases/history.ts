// Calls that are over.

import { phrases } from "../index.ts";

export const past = phrases({
  calls: { en: "Calls", es: "Llamadas", pt: "Chamadas" },
  all: { en: "All", es: "Todas", pt: "Todas" },
  onlyMissed: { en: "Missed", es: "Perdidas", pt: "Perdidas" },
  which: { en: "Which calls", es: "Qué llamadas", pt: "Quais chamadas" },
  incoming: { en: "Incoming", es: "Entrante", pt: "Recebida" },
  outgoing: { en: "Outgoing", es: "Saliente", pt: "Feita" },
  missed: { en: "Missed", es: "Perdida", pt: "Perdida" },
  refused: { en: "Refused", es: "Rechazada", pt: "Recusada" },
  notReached: { en: "Not answered", es: "Sin respuesta", pt: "Não atendida" },
  busy: { en: "Busy", es: "Ocupado", pt: "Ocupado" },
  cancelled: { en: "Cancelled", es: "Cancelada", pt: "Cancelada" },
  failed: { en: "Failed", es: "Fallida", pt: "Falhou" },
  elsewhere: {
    en: "Answered elsewhere",
    es: "Respondida en otro lugar",
    pt: "Atendida em outro lugar",
  },
  today: { en: "Today", es: "Hoy", pt: "Hoje" },
  yesterday: { en: "Yesterday", es: "Ayer", pt: "Ontem" },
  more: {
    en: "Show earlier calls",
    es: "Mostrar llamadas anteriores",
    pt: "Mostrar chamadas anteriores",
  },
  none: { en: "No calls yet", es: "Todavía no hay llamadas", pt: "Nenhuma chamada ainda" },
  noneAdvice: {
    en: "Calls that you make and receive are listed here.",
    es: "Aquí aparecen las llamadas que haces y recibes.",
    pt: "Aqui aparecem as chamadas que você faz e recebe.",
  },
  noneMissed: {
    en: "No missed calls",
    es: "Ninguna llamada perdida",
    pt: "Nenhuma chamada perdida",
  },
  asking: {
    en: "Asking for your calls…",
    es: "Consultando tus llamadas…",
    pt: "Buscando suas chamadas…",
  },
  away: {
    en: "Your calls cannot be fetched now.",
    es: "Ahora no se pueden obtener tus llamadas.",
    pt: "Não é possível buscar suas chamadas agora.",
  },
});
