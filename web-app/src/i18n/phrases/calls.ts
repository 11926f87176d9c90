// A call, from ring to hang-up.

import { phrases } from "../index.ts";

export const calling = phrases({
  ringing: { en: "Ringing…", es: "Llamando…", pt: "Chamando…" },
  connecting: { en: "Connecting…", es: "Conectando…", pt: "Conectando…" },
  callingWhom: { en: "Calling {name}", es: "Llamando a {name}", pt: "Ligando para {name}" },
  cancel: { en: "Cancel the call", es: "Cancelar la llamada", pt: "Cancelar a chamada" },
  calls: { en: "{name} is calling", es: "{name} te llama", pt: "{name} está ligando" },
  withVideo: {
    en: "with picture and sound",
    es: "con imagen y sonido",
    pt: "com imagem e som",
  },
  withSound: { en: "with sound only", es: "solo con sonido", pt: "só com som" },
  accept: { en: "Accept", es: "Aceptar", pt: "Aceitar" },
  acceptSound: { en: "Sound only", es: "Solo sonido", pt: "Só som" },
  refuse: { en: "Refuse", es: "Rechazar", pt: "Recusar" },
  private: {
    en: "Your camera opens only once you accept.",
    es: "Tu cámara se enciende solo si aceptas.",
    pt: "Sua câmera só liga depois que você aceitar.",
  },
});

export const talking = phrases({
  call: { en: "Call with {name}", es: "Llamada con {name}", pt: "Chamada com {name}" },
  self: { en: "Your own picture", es: "Tu propia imagen", pt: "Sua própria imagem" },
  moveSelf: {
    en: "Move your own picture to another corner",
    es: "Mover tu imagen a otra esquina",
    pt: "Mover sua imagem para outro canto",
  },
  controls: { en: "Call controls", es: "Controles de la llamada", pt: "Controles da chamada" },
  mute: { en: "Mute", es: "Silenciar", pt: "Silenciar" },
  unmute: { en: "Unmute", es: "Activar", pt: "Ativar" },
  noMicrophone: { en: "No sound", es: "Sin sonido", pt: "Sem som" },
  cameraOff: { en: "Camera off", es: "Apagar cámara", pt: "Desligar câmera" },
  cameraOn: { en: "Camera on", es: "Encender cámara", pt: "Ligar câmera" },
  noCamera: { en: "No camera", es: "Sin cámara", pt: "Sem câmera" },
  share: { en: "Share screen", es: "Compartir pantalla", pt: "Mostrar tela" },
  unshare: { en: "Stop sharing", es: "Dejar de compartir", pt: "Parar de mostrar" },
  devices: { en: "Devices", es: "Equipos", pt: "Aparelhos" },
  hangUp: { en: "Hang up", es: "Colgar", pt: "Desligar" },
  quality: { en: "Quality", es: "Calidad", pt: "Qualidade" },
  inset: {
    en: "Picture in picture",
    es: "Imagen sobre imagen",
    pt: "Imagem sobre imagem",
  },
  theirCameraOff: {
    en: "{name}’s camera is off",
    es: "La cámara de {name} está apagada",
    pt: "A câmera de {name} está desligada",
  },
  theyAreMuted: {
    en: "{name} is muted",
    es: "{name} está en silencio",
    pt: "{name} está sem som",
  },
  away: {
    en: "{name} lost the server. The call goes on as long as picture and sound get through.",
    es: "{name} perdió el servidor. La llamada sigue mientras lleguen imagen y sonido.",
    pt: "{name} perdeu o servidor. A chamada continua enquanto imagem e som chegarem.",
  },
  ownAway: {
    en: "The server is away. The call goes on without it.",
    es: "El servidor no está disponible. La llamada sigue sin él.",
    pt: "O servidor está fora do ar. A chamada continua sem ele.",
  },
  onScreen: {
    en: "Your screen is shown",
    es: "Se muestra tu pantalla",
    pt: "Sua tela está sendo mostrada",
  },
});

/** Why there is no call any more. `they…` is for the one who rang, or was rung. */
export const ends = phrases({
  hangup: { en: "Call ended", es: "Llamada finalizada", pt: "Chamada encerrada" },
  rejected: {
    en: "{name} did not take the call",
    es: "{name} no aceptó la llamada",
    pt: "{name} não aceitou a chamada",
  },
  refusedByUs: { en: "Call refused", es: "Llamada rechazada", pt: "Chamada recusada" },
  busy: {
    en: "{name} is in another call",
    es: "{name} está en otra llamada",
    pt: "{name} está em outra chamada",
  },
  noAnswer: { en: "{name} did not answer", es: "{name} no respondió", pt: "{name} não atendeu" },
  missed: {
    en: "Missed call from {name}",
    es: "Llamada perdida de {name}",
    pt: "Chamada perdida de {name}",
  },
  cancelled: { en: "Call cancelled", es: "Llamada cancelada", pt: "Chamada cancelada" },
  disconnected: {
    en: "The connection was lost",
    es: "Se perdió la conexión",
    pt: "A conexão foi perdida",
  },
  disconnectedAdvice: {
    en: "One of you was cut off: the network failed, a program stopped, or an admin closed the connection.",
    es: "Uno de los dos quedó fuera: falló la red, se detuvo un programa o un administrador cerró la conexión.",
    pt: "Um de vocês ficou de fora: a rede falhou, um programa parou ou um administrador fechou a conexão.",
  },
  mediaFailed: {
    en: "Picture and sound did not get through",
    es: "La imagen y el sonido no llegaron",
    pt: "A imagem e o som não chegaram",
  },
  mediaFailedAdvice: {
    en: "The server reaches both of you, but there is no direct way between you. Are both in the same network, and does a firewall or guest network keep them apart?",
    es: "El servidor llega a los dos, pero no hay un camino directo entre ustedes. ¿Están en la misma red, o los separa un cortafuegos o una red de invitados?",
    pt: "O servidor alcança os dois, mas não há caminho direto entre vocês. Estão na mesma rede, ou um firewall ou uma rede de visitantes os separa?",
  },
  answeredElsewhere: {
    en: "Answered on another of your devices",
    es: "Respondida en otro de tus dispositivos",
    pt: "Atendida em outro dos seus dispositivos",
  },
  loggedOut: {
    en: "One of you left",
    es: "Uno de los dos se fue",
    pt: "Um de vocês saiu",
  },
  loggedOutAdvice: {
    en: "Whoever logs out, closes the page or loses the account ends the call.",
    es: "Quien cierra la sesión, cierra la página o pierde la cuenta termina la llamada.",
    pt: "Quem encerra a sessão, fecha a página ou perde a conta encerra a chamada.",
  },
  incompatible: {
    en: "The two programs cannot talk to each other",
    es: "Los dos programas no pueden hablar entre sí",
    pt: "Os dois programas não conseguem conversar",
  },
  incompatibleAdvice: {
    en: "{name} uses a program whose picture and sound no browser can play. Ask {name} to open this page in a browser and to log in there. Then call again.",
    es: "{name} usa un programa cuya imagen y sonido ningún navegador puede reproducir. Pídele a {name} que abra esta página en un navegador e inicie sesión ahí. Luego vuelve a llamar.",
    pt: "{name} usa um programa cuja imagem e som nenhum navegador consegue tocar. Peça a {name} que abra esta página em um navegador e entre por lá. Depois ligue de novo.",
  },
  refused: {
    en: "{name} could not be called",
    es: "No se pudo llamar a {name}",
    pt: "Não foi possível ligar para {name}",
  },
  talked: { en: "You talked for {time}", es: "Hablaron {time}", pt: "Vocês falaram por {time}" },
  again: { en: "Call again", es: "Volver a llamar", pt: "Ligar de novo" },
  back: { en: "Back", es: "Volver", pt: "Voltar" },
});
