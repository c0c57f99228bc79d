import type { Rng } from '@millrace/base'

/**
 * What a power cut leaves of changes that were not synced. `none`, `all`: nothing, everything (a killed process with
 * the machine alive). `prefix`: the first few in order. `subset`: any of them, with holes. `torn`: any 512-byte
 * sectors of each write. `zeros`: files have grown, but the new bytes are zero. `random`: one of these for each file
 * and directory.
 */
export type CrashMode = 'none' | 'all' | 'prefix' | 'subset' | 'torn' | 'zeros' | 'random'

type SettledMode = Exclude<CrashMode, 'random'>

const MODES: readonly SettledMode[] = ['none', 'all', 'prefix', 'subset', 'torn', 'zeros']

export function settleMode(mode: CrashMode, rng: Rng): SettledMode {
  return mode === 'random' ? MODES[rng.below(MODES.length)]! : mode
}

/** Which of `count` unsynced changes survive under a mode that keeps or loses them whole. */
export function survivors(mode: SettledMode, count: number, rng: Rng): (index: number) => boolean {
  switch (mode) {
    case 'none':
    case 'zeros':
      return () => false
    case 'all':
      return () => true
    case 'prefix': {
      const kept = rng.below(count + 1)
      return (index) => index < kept
    }
    case 'subset':
    case 'torn':
      return () => rng.below(2) === 0
  }
}
