// Why the server does not do something, by the codes of docs/ref/api.md and docs/ref/intercom.md.
// What is not here is said in the server's own words.

import { phrases } from "../index.ts";

export const refusals = phrases({
  forbidden: {
    en: "This account may not do that.",
    es: "Esta cuenta no puede hacer eso.",
    pt: "Esta conta não pode fazer isso.",
  },
  notLoggedIn: {
    en: "That needs a login.",
    es: "Para eso hay que iniciar sesión.",
    pt: "Para isso é preciso entrar.",
  },
  badLogin: {
    en: "The login is not good any more.",
    es: "La sesión ya no es válida.",
    pt: "A sessão não é mais válida.",
  },
  wrongPassword: {
    en: "The old password is wrong.",
    es: "La contraseña anterior no es correcta.",
    pt: "A senha antiga está incorreta.",
  },
  badPassword: {
    en: "A password has 8 to 128 characters, and is not the name.",
    es: "Una contraseña tiene de 8 a 128 caracteres y no es igual al nombre.",
    pt: "Uma senha tem de 8 a 128 caracteres e não é igual ao nome.",
  },
  badName: {
    en: "A name has 1 to 32 letters, digits, dots, dashes or underscores, and begins with a letter or digit.",
    es: "Un nombre tiene de 1 a 32 letras, cifras, puntos, guiones o guiones bajos, y empieza con una letra o cifra.",
    pt: "Um nome tem de 1 a 32 letras, algarismos, pontos, hifens ou sublinhados, e começa com letra ou algarismo.",
  },
  badLabel: {
    en: "A label has 1 to 64 characters on one line.",
    es: "Una etiqueta tiene de 1 a 64 caracteres en una línea.",
    pt: "Um rótulo tem de 1 a 64 caracteres em uma linha.",
  },
  nameTaken: {
    en: "There is an account of that name already.",
    es: "Ya existe una cuenta con ese nombre.",
    pt: "Já existe uma conta com esse nome.",
  },
  lastAdmin: {
    en: "This is the only admin; make another one first.",
    es: "Es la única cuenta de administración; crea otra primero.",
    pt: "É a única conta de administração; crie outra antes.",
  },
  tooMany: {
    en: "There are 100 tokens already; revoke some first.",
    es: "Ya hay 100 tokens; revoca alguno primero.",
    pt: "Já há 100 tokens; revogue algum antes.",
  },
  registrationClosed: {
    en: "This server makes no accounts for strangers; ask whoever runs it.",
    es: "Este servidor no crea cuentas para desconocidos; pregunta a quien lo administra.",
    pt: "Este servidor não cria contas para desconhecidos; pergunte a quem o administra.",
  },
  badInvite: {
    en: "This needs an invitation that was not used before; ask whoever runs this server.",
    es: "Hace falta una invitación que no se haya usado; pregunta a quien administra este servidor.",
    pt: "É preciso um convite ainda não usado; pergunte a quem administra este servidor.",
  },
  noSuchAccount: {
    en: "There is no such account.",
    es: "No existe esa cuenta.",
    pt: "Essa conta não existe.",
  },
  noSuchToken: {
    en: "It is gone already.",
    es: "Ya no existe.",
    pt: "Já não existe.",
  },
  noSuchSession: {
    en: "It has ended already.",
    es: "Ya terminó.",
    pt: "Já terminou.",
  },
  noSuchPeer: {
    en: "It is not there any more.",
    es: "Ya no está.",
    pt: "Já não está lá.",
  },
  noSuchCall: {
    en: "That call is over.",
    es: "Esa llamada ya terminó.",
    pt: "Essa chamada já terminou.",
  },
  busy: { en: "The line is busy.", es: "La línea está ocupada.", pt: "A linha está ocupada." },
  inCall: {
    en: "You are in a call already.",
    es: "Ya estás en una llamada.",
    pt: "Você já está em uma chamada.",
  },
  notCallable: {
    en: "Nobody is there to be called.",
    es: "No hay nadie a quien llamar.",
    pt: "Não há ninguém para atender.",
  },
  oneself: {
    en: "One cannot call oneself.",
    es: "No es posible llamarse a uno mismo.",
    pt: "Não é possível ligar para si mesmo.",
  },
  watchOnly: {
    en: "Guests may only watch here; log in to send.",
    es: "Aquí los invitados solo pueden mirar; inicia sesión para transmitir.",
    pt: "Aqui os visitantes só podem assistir; entre para transmitir.",
  },
  tooFast: {
    en: "That was too fast; wait a moment.",
    es: "Fue demasiado rápido; espera un momento.",
    pt: "Rápido demais; aguarde um momento.",
  },
  tooManyFailures: {
    en: "Too many failed attempts; wait a moment.",
    es: "Demasiados intentos fallidos; espera un momento.",
    pt: "Tentativas demais sem sucesso; aguarde um momento.",
  },
  tooManySessions: {
    en: "Too much is watched already; stop something first.",
    es: "Ya se miran demasiadas cosas; detén alguna primero.",
    pt: "Já há transmissões demais abertas; pare alguma antes.",
  },
  unavailable: {
    en: "The server cannot do that at the moment; try again soon.",
    es: "El servidor no puede hacerlo en este momento; intenta de nuevo pronto.",
    pt: "O servidor não pode fazer isso no momento; tente de novo em breve.",
  },
});
