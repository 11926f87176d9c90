// One's own camera and microphone, on and off the air.

import { phrases } from "../index.ts";

export const sending = phrases({
  title: {
    en: "Send from this device",
    es: "Transmitir desde este dispositivo",
    pt: "Transmitir deste dispositivo",
  },
  explained: {
    en: "Be seen and heard with this camera and microphone. You see a preview first; nothing is sent before you go on air.",
    es: "Que te vean y te oigan con esta cámara y este micrófono. Primero verás una vista previa; no se transmite nada hasta que salgas al aire.",
    pt: "Seja visto e ouvido com esta câmera e este microfone. Primeiro você vê uma prévia; nada é transmitido antes de você entrar no ar.",
  },
  waiting: {
    en: "Waiting for the browser…",
    es: "Esperando al navegador…",
    pt: "Aguardando o navegador…",
  },
  openPreview: { en: "Open preview", es: "Abrir vista previa", pt: "Abrir prévia" },
  preview: {
    en: "Preview of your camera",
    es: "Vista previa de tu cámara",
    pt: "Prévia da sua câmera",
  },
  cameraOn: { en: "Camera on", es: "Encender cámara", pt: "Ligar câmera" },
  cameraOff: { en: "Camera off", es: "Apagar cámara", pt: "Desligar câmera" },
  cameraIsOff: { en: "Camera off", es: "Cámara apagada", pt: "Câmera desligada" },
  muteMicrophone: {
    en: "Mute microphone",
    es: "Silenciar micrófono",
    pt: "Silenciar microfone",
  },
  unmuteMicrophone: {
    en: "Unmute microphone",
    es: "Activar micrófono",
    pt: "Ativar microfone",
  },
  serverAway: {
    en: "The server is away; whoever watches stays connected",
    es: "El servidor no está disponible; quienes ya miran siguen conectados",
    pt: "O servidor está indisponível; quem já assiste continua conectado",
  },
  viewers: {
    en: {
      zero: "Nobody is watching yet",
      one: "{count} viewer is watching",
      other: "{count} viewers are watching",
    },
    es: {
      zero: "Todavía no mira nadie",
      one: "{count} persona está mirando",
      other: "{count} personas están mirando",
    },
    pt: {
      zero: "Ninguém está assistindo ainda",
      one: "{count} pessoa está assistindo",
      other: "{count} pessoas estão assistindo",
    },
  },
  defaultCamera: { en: "Default camera", es: "Cámara predeterminada", pt: "Câmera padrão" },
  noCamera: { en: "No camera", es: "Sin cámara", pt: "Sem câmera" },
  defaultMicrophone: {
    en: "Default microphone",
    es: "Micrófono predeterminado",
    pt: "Microfone padrão",
  },
  noMicrophone: { en: "No microphone", es: "Sin micrófono", pt: "Sem microfone" },
  codec: { en: "Video codec", es: "Códec de vídeo", pt: "Codec de vídeo" },
  h264: {
    en: "H.264 (easy on small devices)",
    es: "H.264 (ligero para dispositivos pequeños)",
    pt: "H.264 (leve para dispositivos pequenos)",
  },
  vp8: {
    en: "VP8 (works everywhere)",
    es: "VP8 (funciona en todas partes)",
    pt: "VP8 (funciona em qualquer lugar)",
  },
  goOnAir: { en: "Go on air", es: "Salir al aire", pt: "Entrar no ar" },
  stop: { en: "Stop sending", es: "Dejar de transmitir", pt: "Parar de transmitir" },
  browserOn: {
    en: "Browser on {system}",
    es: "Navegador en {system}",
    pt: "Navegador no {system}",
  },
});
