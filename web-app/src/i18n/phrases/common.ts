// What more than one screen says.

import { phrases } from "../index.ts";

export const common = phrases({
  intercom: { en: "Intercom", es: "Intercomunicador", pt: "Interfone" },
  name: { en: "Name", es: "Nombre", pt: "Nome" },
  password: { en: "Password", es: "Contraseña", pt: "Senha" },
  logIn: { en: "Log in", es: "Iniciar sesión", pt: "Entrar" },
  logOut: { en: "Log out", es: "Cerrar sesión", pt: "Sair" },
  tryAgain: { en: "Try again", es: "Intentar de nuevo", pt: "Tentar de novo" },
  oneMoment: { en: "One moment…", es: "Un momento…", pt: "Um momento…" },
  close: { en: "Close", es: "Cerrar", pt: "Fechar" },
  cancel: { en: "Cancel", es: "Cancelar", pt: "Cancelar" },
  camera: { en: "Camera", es: "Cámara", pt: "Câmera" },
  microphone: { en: "Microphone", es: "Micrófono", pt: "Microfone" },
  mute: { en: "Mute", es: "Silenciar", pt: "Silenciar" },
  unmute: { en: "Unmute", es: "Activar sonido", pt: "Ativar som" },
  stop: { en: "Stop", es: "Detener", pt: "Parar" },
  soundOnly: { en: "Sound only", es: "Solo sonido", pt: "Só som" },
  pictureOnly: { en: "Picture only", es: "Solo imagen", pt: "Só imagem" },
});

/** A device that the browser does not name yet. */
export const unnamed = phrases({
  camera: { en: "Camera {number}", es: "Cámara {number}", pt: "Câmera {number}" },
  microphone: { en: "Microphone {number}", es: "Micrófono {number}", pt: "Microfone {number}" },
  speaker: { en: "Speaker {number}", es: "Altavoz {number}", pt: "Alto-falante {number}" },
});
