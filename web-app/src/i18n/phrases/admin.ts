// The admin page.

import { phrases } from "../index.ts";

export const admin = phrases({
  title: { en: "Admin", es: "Administración", pt: "Administração" },
  parts: { en: "Parts", es: "Secciones", pt: "Seções" },
  accounts: { en: "Accounts", es: "Cuentas", pt: "Contas" },
  connections: { en: "Connected", es: "Conexiones", pt: "Conexões" },
  audit: { en: "What happened", es: "Registro", pt: "Registro" },
});

export const accounts = phrases({
  add: { en: "Add an account", es: "Agregar una cuenta", pt: "Adicionar uma conta" },
  invite: { en: "Invite somebody", es: "Invitar a alguien", pt: "Convidar alguém" },
  kind: { en: "Kind", es: "Tipo", pt: "Tipo" },
  user: { en: "User", es: "Usuario", pt: "Usuário" },
  device: { en: "Device", es: "Dispositivo", pt: "Dispositivo" },
  admin: { en: "Admin", es: "Administrador", pt: "Administrador" },
  label: { en: "Label", es: "Etiqueta", pt: "Rótulo" },
  labelMeans: {
    en: "What people are shown instead of the name",
    es: "Lo que se muestra en lugar del nombre",
    pt: "O que se mostra no lugar do nome",
  },
  noPassword: {
    en: "A device has no password: give it a token once it is added.",
    es: "Un dispositivo no tiene contraseña: dale un token después de agregarlo.",
    pt: "Um dispositivo não tem senha: dê a ele um token depois de adicioná-lo.",
  },
  manage: { en: "Manage", es: "Gestionar", pt: "Gerenciar" },
  manageWhom: { en: "Manage {name}", es: "Gestionar {name}", pt: "Gerenciar {name}" },
  newPassword: { en: "New password", es: "Contraseña nueva", pt: "Senha nova" },
  setPassword: { en: "Set password", es: "Fijar contraseña", pt: "Definir senha" },
  passwordMeans: {
    en: "Ends all that logged in with the old one; tokens stay.",
    es: "Termina todo lo que entró con la anterior; los tokens quedan.",
    pt: "Encerra tudo o que entrou com a antiga; os tokens ficam.",
  },
  rights: { en: "Rights", es: "Permisos", pt: "Permissões" },
  remove: { en: "Remove this account", es: "Eliminar esta cuenta", pt: "Remover esta conta" },
  removeWhom: { en: "Remove {name}?", es: "¿Eliminar {name}?", pt: "Remover {name}?" },
  removeMeans: {
    en: "Its tokens, sessions and rights go with it, and whoever is connected as {name} is cut. This cannot be undone.",
    es: "Se eliminan también sus tokens, sesiones y permisos, y se corta a quien esté conectado como {name}. No se puede deshacer.",
    pt: "Seus tokens, sessões e permissões são removidos junto, e quem estiver conectado como {name} é cortado. Não é possível desfazer.",
  },
  removeNow: { en: "Remove", es: "Eliminar", pt: "Remover" },
  added: { en: "{name} was added.", es: "Se agregó {name}.", pt: "{name} foi adicionada." },
});

export const tokens = phrases({
  title: { en: "Tokens and logins", es: "Tokens y sesiones", pt: "Tokens e sessões" },
  none: {
    en: "Nothing is logged in as this account.",
    es: "Nada ha iniciado sesión con esta cuenta.",
    pt: "Nada entrou com esta conta.",
  },
  token: { en: "Token", es: "Token", pt: "Token" },
  connection: {
    en: "Connection with a password",
    es: "Conexión con contraseña",
    pt: "Conexão com senha",
  },
  expires: { en: "Until {time}", es: "Hasta {time}", pt: "Até {time}" },
  revoke: { en: "Revoke", es: "Revocar", pt: "Revogar" },
  revokeWhich: { en: "Revoke {name}", es: "Revocar {name}", pt: "Revogar {name}" },
  what: { en: "What it is for", es: "Para qué es", pt: "Para que serve" },
  days: {
    en: "Days until it expires",
    es: "Días hasta que venza",
    pt: "Dias até expirar",
  },
  never: { en: "Never", es: "Nunca", pt: "Nunca" },
  create: { en: "Make a token", es: "Crear un token", pt: "Criar um token" },
  once: {
    en: "Copy it now: it is never shown again.",
    es: "Cópialo ahora: no se volverá a mostrar.",
    pt: "Copie agora: não será mostrado de novo.",
  },
  newToken: { en: "New token", es: "Token nuevo", pt: "Token novo" },
  invitation: { en: "Invitation", es: "Invitación", pt: "Convite" },
  invitationMeans: {
    en: "For one new account, within 7 days.",
    es: "Para una cuenta nueva, dentro de 7 días.",
    pt: "Para uma conta nova, em até 7 dias.",
  },
  invitationIdle: {
    en: "This server does not take invitations now: start it with --registration invite.",
    es: "Este servidor no acepta invitaciones ahora: inícialo con --registration invite.",
    pt: "Este servidor não aceita convites agora: inicie-o com --registration invite.",
  },
  copy: { en: "Copy", es: "Copiar", pt: "Copiar" },
  copied: { en: "Copied.", es: "Copiado.", pt: "Copiado." },
});

export const connected = phrases({
  who: { en: "Who is connected", es: "Quién está conectado", pt: "Quem está conectado" },
  nobody: {
    en: "Nobody is connected.",
    es: "No hay nadie conectado.",
    pt: "Ninguém está conectado.",
  },
  guest: { en: "Guest", es: "Invitado", pt: "Visitante" },
  since: { en: "came {time}", es: "entró {time}", pt: "entrou {time}" },
  away: { en: "Lost, may come back", es: "Perdida, puede volver", pt: "Perdida, pode voltar" },
  producer: { en: "sends", es: "transmite", pt: "transmite" },
  listener: { en: "listens", es: "escucha avisos", pt: "recebe avisos" },
  consumer: { en: "watches", es: "mira", pt: "assiste" },
  plain: { en: "without TLS", es: "sin TLS", pt: "sem TLS" },
  you: { en: "You", es: "Tú", pt: "Você" },
  cut: { en: "Cut", es: "Cortar", pt: "Cortar" },
  cutWhom: { en: "Cut {name}", es: "Cortar a {name}", pt: "Cortar {name}" },
  watching: { en: "Who watches whom", es: "Quién mira a quién", pt: "Quem assiste a quem" },
  noneWatches: {
    en: "Nobody watches anybody.",
    es: "Nadie mira a nadie.",
    pt: "Ninguém assiste a ninguém.",
  },
  watches: {
    en: "{consumer} watches {producer}",
    es: "{consumer} mira a {producer}",
    pt: "{consumer} assiste a {producer}",
  },
  inCall: { en: "In a call", es: "En una llamada", pt: "Em uma chamada" },
});

export const audit = phrases({
  account: { en: "Account", es: "Cuenta", pt: "Conta" },
  all: { en: "All accounts", es: "Todas las cuentas", pt: "Todas as contas" },
  time: { en: "When", es: "Cuándo", pt: "Quando" },
  who: { en: "Who", es: "Quién", pt: "Quem" },
  what: { en: "What", es: "Qué", pt: "O quê" },
  object: { en: "To whom or what", es: "A quién o a qué", pt: "A quem ou a quê" },
  outcome: { en: "Outcome", es: "Resultado", pt: "Resultado" },
  from: { en: "from {address}", es: "desde {address}", pt: "de {address}" },
  owner: { en: "(command line)", es: "(línea de comandos)", pt: "(linha de comando)" },
  guest: { en: "(guest)", es: "(invitado)", pt: "(visitante)" },
  none: {
    en: "Nothing has happened yet.",
    es: "Todavía no pasó nada.",
    pt: "Nada aconteceu ainda.",
  },
  more: { en: "Show earlier entries", es: "Mostrar anteriores", pt: "Mostrar anteriores" },
});

/** By the words of the server's audit table. */
export const actions = phrases({
  login: { en: "Log in", es: "Inicio de sesión", pt: "Entrada" },
  logout: { en: "Log out", es: "Cierre de sesión", pt: "Saída" },
  register: { en: "Register", es: "Registro", pt: "Cadastro" },
  see: { en: "See", es: "Ver que existe", pt: "Ver que existe" },
  watch: { en: "Watch", es: "Mirar", pt: "Assistir" },
  talk: { en: "Talk", es: "Hablarle", pt: "Falar" },
  call: { en: "Call", es: "Llamada", pt: "Chamada" },
  control: { en: "Control", es: "Controlar", pt: "Controlar" },
  "account add": { en: "Add account", es: "Agregar cuenta", pt: "Adicionar conta" },
  "account remove": { en: "Remove account", es: "Eliminar cuenta", pt: "Remover conta" },
  "account passwd": { en: "Change password", es: "Cambiar contraseña", pt: "Mudar senha" },
  "account role": { en: "Change kind", es: "Cambiar tipo", pt: "Mudar tipo" },
  "account label": { en: "Change label", es: "Cambiar etiqueta", pt: "Mudar rótulo" },
  "rights set": { en: "Change rights", es: "Cambiar permisos", pt: "Mudar permissões" },
  "token create": { en: "Make token", es: "Crear token", pt: "Criar token" },
  "token login": { en: "Log in by token", es: "Entrada con token", pt: "Entrada com token" },
  "token revoke": { en: "Revoke token", es: "Revocar token", pt: "Revogar token" },
  "invite create": { en: "Invite", es: "Invitar", pt: "Convidar" },
  cut: { en: "Cut", es: "Cortar", pt: "Cortar" },
});

/** What came of it; of a call, why it ended. */
export const outcomes = phrases({
  done: { en: "Done", es: "Hecho", pt: "Feito" },
  refused: { en: "Refused", es: "Denegado", pt: "Negado" },
  hangup: { en: "Hung up", es: "Colgada", pt: "Encerrada" },
  rejected: { en: "Rejected", es: "Rechazada", pt: "Recusada" },
  busy: { en: "Busy", es: "Ocupado", pt: "Ocupado" },
  noAnswer: { en: "No answer", es: "Sin respuesta", pt: "Não atendida" },
  cancelled: { en: "Cancelled", es: "Cancelada", pt: "Cancelada" },
  disconnected: { en: "Disconnected", es: "Desconectada", pt: "Desconectada" },
  mediaFailed: { en: "Media failed", es: "Falló la imagen", pt: "Mídia falhou" },
  answeredElsewhere: {
    en: "Answered elsewhere",
    es: "Respondida en otro lugar",
    pt: "Atendida em outro lugar",
  },
  loggedOut: { en: "Logged out", es: "Sesión cerrada", pt: "Sessão encerrada" },
  incompatible: { en: "Incompatible", es: "Incompatible", pt: "Incompatível" },
});
