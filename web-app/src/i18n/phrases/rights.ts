// What an account lets others do.

import { phrases } from "../index.ts";

export const rights = phrases({
  mine: { en: "What others may do", es: "Qué pueden hacer los demás", pt: "O que os outros podem" },
  see: { en: "See", es: "Ver que existe", pt: "Ver que existe" },
  seeMeans: {
    en: "Know that it exists, and whether it is there",
    es: "Saber que existe y si está conectada",
    pt: "Saber que existe e se está conectada",
  },
  watch: { en: "Watch", es: "Mirar", pt: "Assistir" },
  watchMeans: {
    en: "Receive what it sends without a call",
    es: "Recibir lo que transmite sin una llamada",
    pt: "Receber o que ela transmite sem uma chamada",
  },
  talk: { en: "Talk", es: "Hablarle", pt: "Falar" },
  talkMeans: {
    en: "Send to it without a call",
    es: "Transmitirle sin una llamada",
    pt: "Transmitir para ela sem uma chamada",
  },
  call: { en: "Call", es: "Llamar", pt: "Ligar" },
  callMeans: { en: "Ring it", es: "Hacerla sonar", pt: "Fazê-la tocar" },
  control: { en: "Control", es: "Controlar", pt: "Controlar" },
  controlMeans: {
    en: "Steer it: keys and pointer",
    es: "Manejarla: teclas y puntero",
    pt: "Comandá-la: teclas e ponteiro",
  },
  everyone: {
    en: "Everyone, guests too",
    es: "Todos, también invitados",
    pt: "Todos, também visitantes",
  },
  users: { en: "All with an account", es: "Todos los que tienen cuenta", pt: "Todos com conta" },
  nobody: { en: "Nobody", es: "Nadie", pt: "Ninguém" },
  listed: { en: "Only these", es: "Solo estas cuentas", pt: "Só estas contas" },
  who: { en: "{right}: who", es: "{right}: quién", pt: "{right}: quem" },
  noOthers: {
    en: "There is no other account that you may see.",
    es: "No hay otra cuenta que puedas ver.",
    pt: "Não há outra conta que você possa ver.",
  },
});
