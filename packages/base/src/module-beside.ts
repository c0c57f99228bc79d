/**
 * Where the modules are that other threads start with, `*.job.ts` and `*.worker.ts`. Their URL can't be the `import.meta.url`
 * of what they hold: bundled, that is the address of a chunk with much else in it. A bundle keeps each of them under its
 * name in one folder with all chunks, so that it lies beside the code that asks, whatever chunk that has come to.
 */

/**
 * @param name without its ending, which is that of the asking module
 * @param from `import.meta.url` of a module in the same source folder
 * @returns `file:` URL
 */
export function moduleBeside(name: string, from: string): string {
  return new URL(`./${name}${from.slice(from.lastIndexOf('.'))}`, from).href
}
