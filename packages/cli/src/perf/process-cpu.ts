/** CPU seconds of a process since it started: of this one, or of another by pid where there is /proc. */
import { readFileSync } from 'node:fs'

export interface CpuSeconds {
  readonly user: number
  readonly system: number
}

export function ownCpu(): CpuSeconds {
  const { user, system } = process.cpuUsage()
  return { user: user / 1e6, system: system / 1e6 }
}

/** Linux counts in hundredths of a second on every platform that Node supports. */
const TICKS_PER_SECOND = 100

/** @returns null when there is no such process, or no /proc to look into */
export function cpuOfProcess(pid: number): CpuSeconds | null {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    // Gone, or not Linux: the figure is left out.
    return null
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { user: Number(fields[11]) / TICKS_PER_SECOND, system: Number(fields[12]) / TICKS_PER_SECOND }
}

export function cpuBetween(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  return { user: after.user - before.user, system: after.system - before.system }
}
