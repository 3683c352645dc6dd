// Finds the word a misspelt one was meant to be.

/** No key is longer; what is pasted in its place may be, and comparing costs the product of both lengths. */
const longestWord = 64;

/** The candidate closest to `word`, or nothing when none is near enough to be a misspelling of it. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > longestWord) return undefined;
  const limit = Math.max(2, Math.floor(word.length / 3));
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    // The difference in length is the least that the distance can be.
    if (Math.abs(candidate.length - word.length) > limit) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), limit);
    if (distance <= limit && (best === undefined || distance < best.distance)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate;
}

/** Insertions, deletions and replacements that turn `from` into `to` (Levenshtein), or something above `limit`. */
function editDistance(from: string, to: string, limit: number): number {
  const row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 0; i < from.length; i += 1) {
    let diagonal = row[0] ?? 0;
    let least = i + 1;
    row[0] = least;
    for (let j = 0; j < to.length; j += 1) {
      const above = row[j + 1] ?? 0;
      const replaced = diagonal + (from.charCodeAt(i) === to.charCodeAt(j) ? 0 : 1);
      const cost = Math.min(replaced, above + 1, (row[j] ?? 0) + 1);
      row[j + 1] = cost;
      if (cost < least) least = cost;
      diagonal = above;
    }
    // No row is below the one before it.
    if (least > limit) return least;
  }
  return row[to.length] ?? 0;
}
