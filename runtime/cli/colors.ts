/** Colours of what a command prints, decided in one place: picocolors by itself would colour every output under CI. */
import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

/** For a terminal only, unless FORCE_COLOR says otherwise; never with NO_COLOR, or where `wanted` is false (--no-color). */
export function colorsFor({ isTTY }: { readonly isTTY?: boolean }, wanted = true): Colors {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  return pc.createColors(wanted && !NO_COLOR && (FORCE_COLOR ? FORCE_COLOR !== '0' : isTTY === true));
}
