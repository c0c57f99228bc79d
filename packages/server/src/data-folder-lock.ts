/**
 * One process per data folder: a file `.lock` that names its holder by pid, start time of that process and boot of
 * the machine. The start time tells a living holder from another process that got its pid: a container's broker is
 * pid 1 before and after a crash.
 *
 * Owns: `.lock` in the data folder.
 * Invariant: the file appears complete (made beside, then linked), so nobody ever reads half a holder.
 */
import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartupError } from './startup-error.ts'

const LOCK_FILE = '.lock'

interface LockHolder {
  readonly pid: number
  /** Clock ticks between boot and start of the process, as /proc has them; empty where there is no /proc. */
  readonly startTime: string
  /** Changes with every boot of the machine; empty where unknown. */
  readonly bootId: string
}

export interface DataFolderLock {
  /** Gives the folder free. Harmless when called again. */
  release(): void
}

/**
 * Takes the folder for this process. A lock left by a process that is gone is replaced.
 * @throws StartupError DATA_FOLDER_IN_USE while its holder lives
 */
export function lockDataFolder(dataDir: string): DataFolderLock {
  const path = join(dataDir, LOCK_FILE)
  const own = JSON.stringify(holderOf(process.pid))
  const candidate = `${path}.${process.pid}.${randomUUID()}`
  writeFileSync(candidate, own + '\n')
  try {
    while (!linkUnlessPresent(candidate, path)) clearIfStale(path, dataDir)
  } finally {
    unlinkSync(candidate)
  }

  let held = true
  return {
    release(): void {
      if (!held) return
      held = false
      if (readIfPresent(path)?.trim() === own) unlinkIfPresent(path)
    },
  }
}

/** Removes the lock of a process that is gone; throws when it lives. */
function clearIfStale(path: string, dataDir: string): void {
  const text = readIfPresent(path)
  if (text === null) return
  refuseIfAlive(text, dataDir)

  // Two processes may have found the same stale lock. The rename takes whatever is there now, which can be the new
  // lock of the faster one: look at what was taken, and put a living lock back.
  const taken = `${path}.stale.${randomUUID()}`
  if (!renameIfPresent(path, taken)) return
  try {
    refuseIfAlive(readIfPresent(taken) ?? '', dataDir)
  } catch (error) {
    linkUnlessPresent(taken, path)
    throw error
  } finally {
    unlinkIfPresent(taken)
  }
}

function refuseIfAlive(text: string, dataDir: string): void {
  const holder = parseHolder(text)
  if (holder === null || !isAlive(holder)) return
  const who = holder.pid === process.pid ? 'this process' : `process ${holder.pid}`
  throw new StartupError(
    'DATA_FOLDER_IN_USE',
    `data folder ${dataDir} is in use by ${who}`,
    holder.pid === process.pid
      ? 'Give each server of a process its own folder.'
      : `Stop that broker first (kill ${holder.pid}), or choose another folder with --data.`,
  )
}

function parseHolder(text: string): LockHolder | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // Not written by this code: nobody can be said to hold it.
    return null
  }
  const { pid, startTime, bootId } = (parsed ?? {}) as Partial<LockHolder>
  if (typeof pid !== 'number' || typeof startTime !== 'string' || typeof bootId !== 'string') return null
  return { pid, startTime, bootId }
}

function isAlive(holder: LockHolder): boolean {
  const now = holderOf(holder.pid)
  if (holder.bootId !== now.bootId) return false
  if (holder.startTime !== '' || now.startTime !== '') return holder.startTime === now.startTime
  return hasProcess(holder.pid)
}

function holderOf(pid: number): LockHolder {
  return { pid, startTime: startTimeOf(pid), bootId: bootId() }
}

/**
 * Field 22 of /proc/PID/stat; empty when there is no such process. The second field, the command, may itself contain
 * spaces and brackets; the third is the state, and a zombie (Z, X) holds no files any more.
 */
function startTimeOf(pid: number): string {
  const stat = readIfPresent(`/proc/${pid}/stat`)
  if (stat === null) return ''
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? '' : (fields[19] ?? '')
}

function bootId(): string {
  return readIfPresent('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
}

function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

function linkUnlessPresent(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

function renameIfPresent(from: string, to: string): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

function unlinkIfPresent(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // ESRCH: /proc/PID vanished between opening and reading.
    if (['ENOENT', 'ESRCH'].includes(codeOf(error))) return null
    throw error
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}
