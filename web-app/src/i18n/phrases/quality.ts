// The figures of a picture and its sound.

import { phrases } from "../index.ts";

export const qualities = phrases({
  quality: { en: "Quality", es: "Calidad", pt: "Qualidade" },
  received: { en: "Received", es: "Recibido", pt: "Recebido" },
  sent: { en: "Sent", es: "Enviado", pt: "Enviado" },
  stable: { en: "Stable", es: "Estable", pt: "Estável" },
  bitrate: { en: "Bit rate", es: "Tasa de bits", pt: "Taxa de bits" },
  loss: { en: "Loss", es: "Pérdida", pt: "Perda" },
  jitter: { en: "Jitter", es: "Fluctuación", pt: "Variação" },
  roundTrip: { en: "Round trip", es: "Ida y vuelta", pt: "Ida e volta" },
  frames: { en: "Frames", es: "Cuadros", pt: "Quadros" },
  notYet: {
    en: "Figures come with the first picture.",
    es: "Los valores llegan con la primera imagen.",
    pt: "Os valores chegam com a primeira imagem.",
  },
  frozen: {
    en: "The picture stood still for {time} in the last minute.",
    es: "La imagen estuvo detenida {time} en el último minuto.",
    pt: "A imagem ficou parada por {time} no último minuto.",
  },
});
