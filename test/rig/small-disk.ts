/** A disk that is soon full: a tmpfs of its own for one node. Needs root. What is on it outlives the node's process. */
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const LARGE = Buffer.alloc(1 << 20)
/** A file system's page: what is left then can't hold anything. */
const SMALL = LARGE.subarray(0, 4096)

export class SmallDisk implements Disposable {
  readonly #mountPoint: string

  private constructor(mountPoint: string) {
    this.#mountPoint = mountPoint
  }

  /** @returns the reason where no such disk can be had */
  static whyNot(): string | null {
    const mountPoint = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
    try {
      const { status } = mount(mountPoint, 1)
      if (status !== 0) return 'a small disk is a tmpfs, and mounting one needs root'
      execFileSync('umount', [mountPoint])
      return null
    } finally {
      rmdirSync(mountPoint)
    }
  }

  /** @throws Error when it can't be mounted */
  static open(mountPoint: string, megabytes: number): SmallDisk {
    mkdirSync(mountPoint, { recursive: true })
    const { status, stderr } = mount(mountPoint, megabytes)
    if (status !== 0) throw new Error(`no tmpfs at ${mountPoint}: ${stderr}`)
    return new SmallDisk(mountPoint)
  }

  get #ballast(): string {
    return join(this.#mountPoint, 'ballast')
  }

  /** To the last page. */
  fill(): void {
    const file = openSync(this.#ballast, 'a')
    try {
      for (const piece of [LARGE, SMALL]) while (hasWritten(file, piece));
    } finally {
      closeSync(file)
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true })
  }

  [Symbol.dispose](): void {
    execFileSync('umount', ['--lazy', this.#mountPoint])
  }
}

function mount(mountPoint: string, megabytes: number) {
  const args = ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', mountPoint]
  return spawnSync('mount', args, { encoding: 'utf8' })
}

function hasWritten(file: number, piece: Buffer): boolean {
  try {
    return writeSync(file, piece) === piece.length
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}
