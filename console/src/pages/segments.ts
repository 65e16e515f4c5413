// How many segments an SMS is: GSM 03.38 where its letters are enough, UCS-2 otherwise.
const BASIC =
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENDED = "\f^{}\\[~]|€";

export interface Segments {
  encoding: "GSM-7" | "UCS-2";
  parts: number;
  left: number;
}

export function segments(text: string): Segments {
  const units: number[] = [];
  let isBasic = true;
  for (const letter of text) {
    if (BASIC.includes(letter)) units.push(1);
    else if (EXTENDED.includes(letter)) units.push(2);
    else isBasic = false;
  }
  const sizes = isBasic ? units : [...text].map((letter) => letter.length);
  const [alone, together] = isBasic ? [160, 153] : [70, 67];
  const encoding = isBasic ? "GSM-7" : "UCS-2";
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total <= alone) return { encoding, parts: 1, left: alone - total };
  // A letter is never split, so a segment can end early.
  let parts = 1;
  let used = 0;
  for (const size of sizes) {
    if (used + size > together) {
      parts += 1;
      used = 0;
    }
    used += size;
  }
  return { encoding, parts, left: together - used };
}
