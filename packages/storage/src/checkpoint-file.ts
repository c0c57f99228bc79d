/**
 * Kafka's checkpoint files: a version line (0), a line with the number of entries, then one entry a line, its fields
 * separated by spaces. `leader-epoch-checkpoint` has `epoch startOffset`, the others `topic partition offset`.
 */
const VERSION = '0'

export function formatCheckpoint(entries: readonly (readonly (string | number)[])[]): Buffer {
  const lines = [VERSION, entries.length, ...entries.map((fields) => fields.join(' '))]
  return Buffer.from(`${lines.join('\n')}\n`)
}

/** @returns the fields of every entry, or null when the file is not what it should be: cut, damaged, of another version */
export function parseCheckpoint(bytes: Buffer, fieldCount: number): string[][] | null {
  const text = bytes.toString('utf8')
  const lines = text.split('\n')
  if (lines.pop() !== '' || lines[0] !== VERSION || lines[1] !== String(lines.length - 2)) return null
  const entries = lines.slice(2).map((line) => line.split(' '))
  return entries.every((fields) => fields.length === fieldCount) ? entries : null
}

/** @returns a number as checkpoints have them: 0 … 2^53 − 1; null for anything else */
export function parseCount(text: string): number | null {
  if (!/^\d{1,16}$/.test(text)) return null
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : null
}
