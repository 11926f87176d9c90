// The way in.

import { phrases } from "../index.ts";

export const login = phrases({
  newAccount: { en: "New account", es: "Cuenta nueva", pt: "Conta nova" },
  invitation: { en: "Invitation", es: "Invitación", pt: "Convite" },
  wait: { en: "Wait {seconds} s", es: "Espera {seconds} s", pt: "Aguarde {seconds} s" },
  haveAccount: { en: "I have an account", es: "Ya tengo una cuenta", pt: "Já tenho uma conta" },
  makeAccount: { en: "Make an account", es: "Crear una cuenta", pt: "Criar uma conta" },
  asGuest: {
    en: "Go on without a login",
    es: "Continuar sin iniciar sesión",
    pt: "Continuar sem entrar",
  },
  askOwner: {
    en: "Whoever runs this server makes the accounts.",
    es: "Las cuentas las crea quien administra este servidor.",
    pt: "Quem cria as contas é quem administra este servidor.",
  },
});
