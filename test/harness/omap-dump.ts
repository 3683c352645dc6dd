/** Reads what `rados listomapvals` shows: the key, the length, a hexadecimal dump. */
export function parseOmap(shown: string): Record<string, string> {
  const entries = shown.matchAll(/^(.+)\nvalue \((\d+) bytes\) :\n((?:[0-9a-f]{8}.*\n)*)/gm);
  return Object.fromEntries(
    [...entries].map(([, key = '', length, dump = '']) => {
      const lines = dump.split('\n').map((line) => line.slice(10, 58).replaceAll(' ', ''));
      return [key, Buffer.from(lines.join(''), 'hex').subarray(0, Number(length)).toString()];
    }),
  );
}
