/** Bytes that arrived and that the process has not read yet. */
export class Inbox {
  #chunks: Buffer[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  /** Fills `target`, which must not be larger than what is there. */
  take(target: Uint8Array): void {
    let filled = 0
    let done = 0
    while (filled < target.length) {
      const chunk = this.#chunks[done]!
      const part = Math.min(chunk.length, target.length - filled)
      if (part === chunk.length) {
        target.set(chunk, filled)
        done += 1
      } else {
        target.set(chunk.subarray(0, part), filled)
        this.#chunks[done] = chunk.subarray(part)
      }
      filled += part
    }
    this.#chunks.splice(0, done)
    this.#bytes -= filled
  }

  clear(): void {
    this.#chunks = []
    this.#bytes = 0
  }
}
