/**
 * The folder of a development cluster: `cluster.json`, a data folder for each node such as `broker-1`, and what it printed
 * in `logs/broker-1.log`. Locked while the cluster runs. A temporary one goes away with the cluster.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { CliError } from '../cli-error.ts'
import { type DevState, formatState, nodeName, parseState, type PlannedNode } from './dev-plan.ts'

const STATE_FILE = 'cluster.json'
const LOG_FOLDER = 'logs'

export class DevFolder implements Disposable {
  readonly path: string
  readonly isTemporary: boolean
  readonly #unlock: () => void

  private constructor(path: string, isTemporary: boolean, unlock: () => void) {
    this.path = path
    this.isTemporary = isTemporary
    this.#unlock = unlock
  }

  /**
   * @param path null for a temporary one
   * @throws CliError DATA_FOLDER_IN_USE, DATA_FOLDER_UNWRITABLE
   */
  static async claim(path: string | null): Promise<DevFolder> {
    if (path === null) return new DevFolder(mkdtempSync(join(tmpdir(), 'millrace-dev-')), true, () => {})
    const { claimDataFolder, StartupError } = await import('@millrace/server/data-folder')
    try {
      const absolute = resolve(path)
      const lock = claimDataFolder(absolute)
      return new DevFolder(absolute, false, () => lock.release())
    } catch (error) {
      if (error instanceof StartupError) throw new CliError(error.code, error.message, error.hint)
      throw error
    }
  }

  /** @returns null when it holds no cluster yet. @throws CliError when it holds something else */
  readState(): DevState | null {
    const file = join(this.path, STATE_FILE)
    if (!existsSync(file)) {
      this.#requireEmpty()
      return null
    }
    const state = parseState(readFileSync(file, 'utf8'))
    if (state !== null) return state
    throw new CliError(
      'DATA_FOLDER_DAMAGED',
      `${file} does not describe a cluster`,
      'Restore it, or choose another folder with --data. Nothing was changed.',
    )
  }

  writeState(state: DevState): void {
    const file = join(this.path, STATE_FILE)
    // Beside it first: a run that is interrupted here must not leave half a file.
    writeFileSync(`${file}.new`, formatState(state))
    renameSync(`${file}.new`, file)
  }

  dataOf(node: Pick<PlannedNode, 'role' | 'id'>): string {
    return join(this.path, nodeName(node))
  }

  /** Makes the folder of logs when it is missing. */
  logOf(node: Pick<PlannedNode, 'role' | 'id'>): string {
    const folder = join(this.path, LOG_FOLDER)
    mkdirSync(folder, { recursive: true })
    return join(folder, `${nodeName(node)}.log`)
  }

  [Symbol.dispose](): void {
    this.#unlock()
    if (this.isTemporary) rmSync(this.path, { recursive: true, force: true })
  }

  #requireEmpty(): void {
    const others = readdirSync(this.path).filter((name) => !name.startsWith('.'))
    if (others.length === 0) return
    throw new CliError(
      'DATA_FOLDER_FOREIGN',
      `folder ${this.path} holds no cluster of \`millrace dev\`, but ${others.length} other entries, such as ${others[0]}`,
      'Choose an empty or new folder with --data.',
    )
  }
}
