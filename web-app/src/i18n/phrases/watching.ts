// What is on air, and what is watched.

import { phrases } from "../index.ts";

export const watching = phrases({
  onAir: { en: "On air", es: "En el aire", pt: "No ar" },
  notYetReachable: {
    en: "Shown as soon as the server can be reached.",
    es: "Se mostrará en cuanto se pueda acceder al servidor.",
    pt: "Será mostrado assim que o servidor puder ser acessado.",
  },
  nothing: { en: "Nothing is on air", es: "No hay nada en el aire", pt: "Nada está no ar" },
  nothingAdvice: {
    en: "Devices appear here by themselves as soon as they send. You can also send from this browser, below.",
    es: "Los dispositivos aparecen aquí en cuanto empiezan a transmitir. También puedes transmitir desde este navegador, más abajo.",
    pt: "Os dispositivos aparecem aqui assim que começam a transmitir. Você também pode transmitir deste navegador, abaixo.",
  },
  browser: { en: "Browser", es: "Navegador", pt: "Navegador" },
  device: { en: "Device", es: "Dispositivo", pt: "Dispositivo" },
  watch: { en: "Watch", es: "Ver", pt: "Ver" },
  watching: { en: "Watching", es: "Viendo", pt: "Vendo" },
  picture: {
    en: "Live picture of {name}",
    es: "Imagen en vivo de {name}",
    pt: "Imagem ao vivo de {name}",
  },
  connecting: {
    en: "Connecting to {name}…",
    es: "Conectando con {name}…",
    pt: "Conectando a {name}…",
  },
  late: {
    en: "{name} has not answered yet. Perhaps somebody has to start it there.",
    es: "{name} todavía no respondió. Quizá alguien tenga que iniciarlo allí.",
    pt: "{name} ainda não respondeu. Talvez alguém precise iniciar por lá.",
  },
  offAir: {
    en: "{name} is off the air",
    es: "{name} no está en el aire",
    pt: "{name} está fora do ar",
  },
  gettingBack: {
    en: "Getting {name} back…",
    es: "Recuperando {name}…",
    pt: "Recuperando {name}…",
  },
  soundOn: { en: "Turn the sound on", es: "Activar el sonido", pt: "Ativar o som" },
  live: { en: "Live", es: "En vivo", pt: "Ao vivo" },
  unstable: { en: "Unstable", es: "Inestable", pt: "Instável" },
  sound: { en: "Sound · {bitrate}", es: "Sonido · {bitrate}", pt: "Som · {bitrate}" },
  volume: { en: "Volume", es: "Volumen", pt: "Volume" },
  fullScreen: { en: "Full screen", es: "Pantalla completa", pt: "Tela cheia" },
  choose: {
    en: "Choose something to watch",
    es: "Elige algo para ver",
    pt: "Escolha algo para ver",
  },
  chooseAdvice: {
    en: "Picture and sound open here. Nothing is recorded.",
    es: "La imagen y el sonido se abren aquí. No se graba nada.",
    pt: "A imagem e o som abrem aqui. Nada é gravado.",
  },
  nothingYet: {
    en: "Nothing to watch yet",
    es: "Todavía no hay nada para ver",
    pt: "Ainda não há nada para ver",
  },
  nothingYetAdvice: {
    en: "What devices send is listed under On air, and opens here.",
    es: "Lo que transmiten los dispositivos aparece en «En el aire» y se abre aquí.",
    pt: "O que os dispositivos transmitem aparece em “No ar” e abre aqui.",
  },
});
