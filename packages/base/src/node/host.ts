import type { Host, Log } from '../env.ts'

/** sysexits.h EX_SOFTWARE: an internal error. */
const EXIT_CODE = 70

/** Ends this process; in a worker thread it ends the thread, and the supervisor sees it die. */
export function nodeHost(log: Log): Host {
  return {
    halt(reason) {
      log.error({ reason }, 'halting')
      process.exit(EXIT_CODE)
    },
  }
}
