// What somebody sets for this browser, and for the own account.

import { phrases } from "../index.ts";

export const settings = phrases({
  title: { en: "Settings", es: "Ajustes", pt: "Ajustes" },
  save: { en: "Save", es: "Guardar", pt: "Salvar" },
  saved: { en: "Saved.", es: "Guardado.", pt: "Salvo." },
  thisBrowser: {
    en: "Kept in this browser only.",
    es: "Se guarda solo en este navegador.",
    pt: "Fica guardado só neste navegador.",
  },
  outdated: {
    en: "This page is older than the server, or the server is away.",
    es: "Esta página es anterior a la del servidor, o el servidor no está disponible.",
    pt: "Esta página é mais antiga que a do servidor, ou o servidor está fora do ar.",
  },
  reload: { en: "Reload", es: "Recargar", pt: "Recarregar" },
});

export const media = phrases({
  title: {
    en: "Camera, microphone, speaker",
    es: "Cámara, micrófono, altavoz",
    pt: "Câmera, microfone, alto-falante",
  },
  speaker: { en: "Speaker", es: "Altavoz", pt: "Alto-falante" },
  defaultSpeaker: {
    en: "Default speaker",
    es: "Altavoz predeterminado",
    pt: "Alto-falante padrão",
  },
  test: {
    en: "Test camera and microphone",
    es: "Probar cámara y micrófono",
    pt: "Testar câmera e microfone",
  },
  testing: { en: "Stop the test", es: "Terminar la prueba", pt: "Encerrar o teste" },
  level: { en: "Level of the microphone", es: "Nivel del micrófono", pt: "Nível do microfone" },
  play: { en: "Test the speaker", es: "Probar el altavoz", pt: "Testar o alto-falante" },
  alone: {
    en: "Nobody sees or hears this.",
    es: "Nadie más lo ve ni lo oye.",
    pt: "Ninguém mais vê nem ouve isto.",
  },
});

export const look = phrases({
  title: {
    en: "Language and looks",
    es: "Idioma y apariencia",
    pt: "Idioma e aparência",
  },
  language: { en: "Language", es: "Idioma", pt: "Idioma" },
  asBrowser: {
    en: "As the browser: {language}",
    es: "El del navegador: {language}",
    pt: "O do navegador: {language}",
  },
  theme: { en: "Theme", es: "Tema", pt: "Tema" },
  system: { en: "As the system", es: "El del sistema", pt: "O do sistema" },
  light: { en: "Light", es: "Claro", pt: "Claro" },
  dark: { en: "Dark", es: "Oscuro", pt: "Escuro" },
  install: {
    en: "Install as an app",
    es: "Instalar como aplicación",
    pt: "Instalar como aplicativo",
  },
  installIos: {
    en: "To install it as an app: Share, then Add to Home Screen.",
    es: "Para instalarla como aplicación: Compartir y luego Añadir a pantalla de inicio.",
    pt: "Para instalar como aplicativo: Compartilhar e depois Adicionar à Tela de Início.",
  },
});

export const rings = phrases({
  title: { en: "When somebody calls", es: "Cuando alguien llama", pt: "Quando alguém liga" },
  ringtone: { en: "Play a ringtone", es: "Reproducir un timbre", pt: "Tocar um toque" },
  notify: {
    en: "Show notifications",
    es: "Mostrar notificaciones",
    pt: "Mostrar notificações",
  },
  notifyAdvice: {
    en: "Then you see a call while another page or program is in front.",
    es: "Así verás una llamada aunque tengas delante otra página o programa.",
    pt: "Assim você vê uma chamada mesmo com outra página ou programa na frente.",
  },
  granted: {
    en: "Notifications are on.",
    es: "Las notificaciones están activadas.",
    pt: "As notificações estão ativadas.",
  },
  denied: {
    en: "The browser shows no notifications of this page. Allow them in the site settings next to the address.",
    es: "El navegador no muestra notificaciones de esta página. Permítelas en la configuración del sitio, junto a la dirección.",
    pt: "O navegador não mostra notificações desta página. Permita-as nas configurações do site, ao lado do endereço.",
  },
});

export const ownPassword = phrases({
  title: { en: "Password", es: "Contraseña", pt: "Senha" },
  old: { en: "Old password", es: "Contraseña anterior", pt: "Senha antiga" },
  new: { en: "New password", es: "Contraseña nueva", pt: "Senha nova" },
  again: { en: "New password again", es: "Repite la contraseña nueva", pt: "Repita a senha nova" },
  change: { en: "Change password", es: "Cambiar contraseña", pt: "Mudar senha" },
  different: {
    en: "The two new passwords are not the same.",
    es: "Las dos contraseñas nuevas no coinciden.",
    pt: "As duas senhas novas não são iguais.",
  },
  changed: {
    en: "Changed. All other sessions have ended.",
    es: "Cambiada. Todas las demás sesiones se cerraron.",
    pt: "Senha mudada. Todas as outras sessões foram encerradas.",
  },
});

export const sessions = phrases({
  title: { en: "Where you are logged in", es: "Dónde tienes sesión", pt: "Onde você entrou" },
  current: { en: "This one", es: "Este", pt: "Este" },
  used: { en: "Used {ago}", es: "Último uso: {ago}", pt: "Último uso: {ago}" },
  since: { en: "Since {time}", es: "Desde {time}", pt: "Desde {time}" },
  end: { en: "End", es: "Cerrar", pt: "Encerrar" },
  endWhich: {
    en: "End the session of {name}",
    es: "Cerrar la sesión de {name}",
    pt: "Encerrar a sessão de {name}",
  },
  endOthers: {
    en: "End all others",
    es: "Cerrar todas las demás",
    pt: "Encerrar todas as outras",
  },
});
