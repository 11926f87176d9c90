// What can go wrong, each with what to do about it.

import { phrases } from "../index.ts";

export const loginProblems = phrases({
  wrong: {
    en: "Name or password is wrong",
    es: "El nombre o la contraseña no son correctos",
    pt: "Nome ou senha incorretos",
  },
  wrongAdvice: {
    en: "Check both; capital letters count in the password.",
    es: "Revisa ambos; en la contraseña importan las mayúsculas.",
    pt: "Confira os dois; na senha, maiúsculas fazem diferença.",
  },
  tooSoon: {
    en: "Too many failed attempts",
    es: "Demasiados intentos fallidos",
    pt: "Tentativas demais sem sucesso",
  },
  tooSoonAdvice: {
    en: {
      one: "The server takes the next one in {count} second.",
      other: "The server takes the next one in {count} seconds.",
    },
    es: {
      one: "El servidor aceptará el próximo en {count} segundo.",
      other: "El servidor aceptará el próximo en {count} segundos.",
    },
    pt: {
      one: "O servidor aceita a próxima em {count} segundo.",
      other: "O servidor aceita a próxima em {count} segundos.",
    },
  },
  refused: {
    en: "The server did not take that",
    es: "El servidor no lo aceptó",
    pt: "O servidor não aceitou",
  },
  lost: {
    en: "The browser does not keep the login",
    es: "El navegador no conserva la sesión",
    pt: "O navegador não guarda a sessão",
  },
  lostAdvice: {
    en: "Open the https address of this server, and allow its cookies.",
    es: "Abre la dirección https de este servidor y permite sus cookies.",
    pt: "Abra o endereço https deste servidor e permita os cookies dele.",
  },
  ended: {
    en: "You were logged out",
    es: "Tu sesión se cerró",
    pt: "Sua sessão foi encerrada",
  },
  endedAdvice: {
    en: "The login was ended or its password changed. Log in again to go on.",
    es: "Se terminó la sesión o cambió su contraseña. Inicia sesión de nuevo para continuar.",
    pt: "A sessão foi encerrada ou a senha mudou. Entre de novo para continuar.",
  },
});

export const serverProblems = phrases({
  away: {
    en: "The server does not answer",
    es: "El servidor no responde",
    pt: "O servidor não responde",
  },
  awayAdvice: {
    en: "Is it running, and are you in its network? Then try again.",
    es: "¿Está en marcha y estás en su red? Luego intenta de nuevo.",
    pt: "Ele está ligado e você está na rede dele? Então tente de novo.",
  },
  cut: {
    en: "An admin closed your connection",
    es: "Un administrador cerró tu conexión",
    pt: "Um administrador encerrou sua conexão",
  },
  cutAdvice: {
    en: "What you watched and sent here has ended, and so has a call. Ask whoever runs this server, or try to connect again.",
    es: "Lo que mirabas y transmitías aquí terminó, y también la llamada. Pregunta a quien administra este servidor o intenta conectarte de nuevo.",
    pt: "O que você via e transmitia aqui terminou, e a chamada também. Pergunte a quem administra este servidor ou tente se conectar de novo.",
  },
  said: { en: "The server said no", es: "El servidor dijo que no", pt: "O servidor recusou" },
  noCookie: {
    en: "The login does not reach the server",
    es: "La sesión no llega al servidor",
    pt: "A sessão não chega ao servidor",
  },
  noCookieAdvice: {
    en: "Reload the page. A proxy in between must pass cookies on to the WebSocket as well.",
    es: "Recarga la página. Si hay un proxy en medio, debe pasar las cookies también al WebSocket.",
    pt: "Recarregue a página. Um proxy no caminho deve passar os cookies também ao WebSocket.",
  },
  foreign: {
    en: "This server refuses pages from this address",
    es: "Este servidor rechaza páginas de esta dirección",
    pt: "Este servidor recusa páginas deste endereço",
  },
  foreignAdvice: {
    en: "{details} Whoever runs it can add --allowed-origin {address}.",
    es: "{details} Quien lo administra puede agregar --allowed-origin {address}.",
    pt: "{details} Quem o administra pode acrescentar --allowed-origin {address}.",
  },
  blocked: {
    en: "The connection does not get through",
    es: "La conexión no logra pasar",
    pt: "A conexão não consegue passar",
  },
  blockedAdvice: {
    en: "The server answers, but no WebSocket reaches it. A proxy in between must pass WebSockets on and keep the Host header, or the server needs --allowed-origin {address}.",
    es: "El servidor responde, pero no le llega ningún WebSocket. Un proxy en medio debe dejar pasar los WebSockets y conservar la cabecera Host, o el servidor necesita --allowed-origin {address}.",
    pt: "O servidor responde, mas nenhum WebSocket chega a ele. Um proxy no caminho deve deixar passar WebSockets e manter o cabeçalho Host, ou o servidor precisa de --allowed-origin {address}.",
  },
});

export const captureProblems = phrases({
  insecure: {
    en: "This page is not secure",
    es: "Esta página no es segura",
    pt: "Esta página não é segura",
  },
  insecureAdvice: {
    en: "Browsers give out camera and microphone on https pages only. Open the https address of this server.",
    es: "Los navegadores solo permiten la cámara y el micrófono en páginas https. Abre la dirección https de este servidor.",
    pt: "Os navegadores só liberam câmera e microfone em páginas https. Abra o endereço https deste servidor.",
  },
  deniedAdvice: {
    en: "Allow it in the site settings next to the address, and in the settings of your system; then try again.",
    es: "Permítelo en la configuración del sitio, junto a la dirección, y en la de tu sistema; luego intenta de nuevo.",
    pt: "Permita isso nas configurações do site, ao lado do endereço, e nas do seu sistema; depois tente de novo.",
  },
  absentAdvice: {
    en: "Plug one in or choose another one, then try again.",
    es: "Conecta un dispositivo o elige otro y luego intenta de nuevo.",
    pt: "Conecte um dispositivo ou escolha outro e tente de novo.",
  },
  busyAdvice: {
    en: "Another program is probably using it. Close that one, then try again.",
    es: "Es probable que otro programa ya use el dispositivo. Ciérralo y luego intenta de nuevo.",
    pt: "Provavelmente outro programa está usando. Feche-o e tente de novo.",
  },
  lostAdvice: {
    en: "Plug it in again or choose another one. Whoever watches stays connected.",
    es: "Vuelve a conectar el dispositivo o elige otro. Quienes miran siguen conectados.",
    pt: "Conecte de novo ou escolha outro dispositivo. Quem assiste continua conectado.",
  },
});

export const captureDenied = phrases({
  camera: {
    en: "The browser may not use your camera",
    es: "El navegador no puede usar tu cámara",
    pt: "O navegador não pode usar sua câmera",
  },
  microphone: {
    en: "The browser may not use your microphone",
    es: "El navegador no puede usar tu micrófono",
    pt: "O navegador não pode usar seu microfone",
  },
  both: {
    en: "The browser may not use your camera and microphone",
    es: "El navegador no puede usar tu cámara ni tu micrófono",
    pt: "O navegador não pode usar sua câmera e seu microfone",
  },
});

export const captureAbsent = phrases({
  camera: {
    en: "No camera found",
    es: "No se encontró ninguna cámara",
    pt: "Nenhuma câmera encontrada",
  },
  microphone: {
    en: "No microphone found",
    es: "No se encontró ningún micrófono",
    pt: "Nenhum microfone encontrado",
  },
  both: {
    en: "No camera and microphone found",
    es: "No se encontró cámara ni micrófono",
    pt: "Câmera e microfone não encontrados",
  },
});

export const captureBusy = phrases({
  camera: {
    en: "Your camera cannot be opened",
    es: "No se puede abrir tu cámara",
    pt: "Não foi possível abrir sua câmera",
  },
  microphone: {
    en: "Your microphone cannot be opened",
    es: "No se puede abrir tu micrófono",
    pt: "Não foi possível abrir seu microfone",
  },
  both: {
    en: "Your camera and microphone cannot be opened",
    es: "No se pueden abrir tu cámara y tu micrófono",
    pt: "Não foi possível abrir sua câmera e seu microfone",
  },
});

export const captureLost = phrases({
  camera: {
    en: "Your camera was unplugged",
    es: "Se desconectó tu cámara",
    pt: "Sua câmera foi desconectada",
  },
  microphone: {
    en: "Your microphone was unplugged",
    es: "Se desconectó tu micrófono",
    pt: "Seu microfone foi desconectado",
  },
  both: {
    en: "Your camera and microphone were unplugged",
    es: "Se desconectaron tu cámara y tu micrófono",
    pt: "Sua câmera e seu microfone foram desconectados",
  },
});

export const captureFailed = phrases({
  camera: {
    en: "Your camera did not start",
    es: "Tu cámara no se inició",
    pt: "Sua câmera não iniciou",
  },
  microphone: {
    en: "Your microphone did not start",
    es: "Tu micrófono no se inició",
    pt: "Seu microfone não iniciou",
  },
  both: {
    en: "Your camera and microphone did not start",
    es: "Tu cámara y tu micrófono no se iniciaron",
    pt: "Sua câmera e seu microfone não iniciaram",
  },
});

export const mediaProblems = phrases({
  iceFailed: {
    en: "No way to the other end",
    es: "No hay camino hasta el otro extremo",
    pt: "Não há caminho até o outro lado",
  },
  iceFailedAdvice: {
    en: "Signalling works, but picture and sound find no path. Are both ends in the same network, and does a firewall or guest network keep them apart?",
    es: "La señalización funciona, pero la imagen y el sonido no encuentran camino. ¿Están ambos extremos en la misma red, o los separa un cortafuegos o una red de invitados?",
    pt: "A sinalização funciona, mas imagem e som não encontram caminho. Os dois lados estão na mesma rede, ou um firewall ou uma rede de visitantes os separa?",
  },
  noAnswer: {
    en: "The other end does not answer",
    es: "El otro extremo no responde",
    pt: "O outro lado não responde",
  },
  noAnswerAdvice: {
    en: "It is registered, but it offered nothing in time. It may be overloaded or stuck.",
    es: "Está registrado, pero no ofreció nada a tiempo. Puede estar sobrecargado o bloqueado.",
    pt: "Está registrado, mas não ofereceu nada a tempo. Pode estar sobrecarregado ou travado.",
  },
  unheard: {
    en: "The other end did not hear from this page",
    es: "El otro extremo no recibió nada de esta página",
    pt: "O outro lado não recebeu nada desta página",
  },
  unheardAdvice: {
    en: "The answer of this page did not get there in time. Is your connection to the server good?",
    es: "La respuesta de esta página no llegó a tiempo. ¿Es buena tu conexión con el servidor?",
    pt: "A resposta desta página não chegou a tempo. Sua conexão com o servidor está boa?",
  },
  keys: {
    en: "The encryption could not be set up",
    es: "No se pudo establecer el cifrado",
    pt: "Não foi possível estabelecer a criptografia",
  },
  keysAdvice: {
    en: "The two ends reached each other, but could not agree on keys. The network may be losing too much.",
    es: "Los dos extremos se encontraron, pero no acordaron las claves. Puede que la red pierda demasiados datos.",
    pt: "Os dois lados se encontraram, mas não combinaram as chaves. A rede pode estar perdendo dados demais.",
  },
  impostor: {
    en: "The other end could not be sure of this page",
    es: "El otro extremo no pudo comprobar la identidad de esta página",
    pt: "O outro lado não pôde confirmar a identidade desta página",
  },
  impostorAdvice: {
    en: "The certificate is not the announced one, and somebody may be listening in. Nothing was sent. Tell whoever runs this server.",
    es: "El certificado no es el anunciado y alguien podría estar escuchando. No se transmitió nada. Avisa a quien administra este servidor.",
    pt: "O certificado não é o anunciado e alguém pode estar escutando. Nada foi transmitido. Avise quem administra este servidor.",
  },
  codec: {
    en: "This browser cannot play it",
    es: "Este navegador no puede reproducirlo",
    pt: "Este navegador não consegue reproduzir",
  },
  codecAdvice: {
    en: "The two ends have no video codec in common. VP8 or H.264 (constrained baseline) work everywhere.",
    es: "Los dos extremos no tienen ningún códec de vídeo en común. VP8 y H.264 (constrained baseline) funcionan en todas partes.",
    pt: "Os dois lados não têm nenhum codec de vídeo em comum. VP8 e H.264 (constrained baseline) funcionam em qualquer lugar.",
  },
  taken: {
    en: "Somebody else is watching it",
    es: "Otra persona ya lo está viendo",
    pt: "Outra pessoa já está assistindo",
  },
  takenAdvice: {
    en: "This program sends to one viewer at a time. Try again once the other one has stopped.",
    es: "Este programa transmite a un solo espectador a la vez. Intenta de nuevo cuando el otro haya terminado.",
    pt: "Este programa transmite para um espectador por vez. Tente de novo quando o outro tiver parado.",
  },
  left: { en: "It went off the air", es: "Salió del aire", pt: "Saiu do ar" },
  leftAdvice: {
    en: "The picture comes back by itself when it returns.",
    es: "La imagen vuelve sola cuando regrese.",
    pt: "A imagem volta sozinha quando ele retornar.",
  },
  stopped: {
    en: "Picture and sound stopped",
    es: "La imagen y el sonido se detuvieron",
    pt: "A imagem e o som pararam",
  },
  stoppedAdvice: {
    en: "The other end stopped sending. Trying to get it back.",
    es: "El otro extremo dejó de transmitir. Intentando recuperarlo.",
    pt: "O outro lado parou de transmitir. Tentando recuperar.",
  },
  negotiation: {
    en: "The connection could not be agreed on",
    es: "No se pudo acordar la conexión",
    pt: "Não foi possível negociar a conexão",
  },
});
