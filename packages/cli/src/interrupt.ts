/** Ctrl-C and SIGTERM as an `AbortSignal`; the second one ends the process at once. */

const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

export function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(SIGNAL_EXIT_CODES[name])
      process.exitCode = SIGNAL_EXIT_CODES[name]
      controller.abort()
    })
  }
  return controller.signal
}
