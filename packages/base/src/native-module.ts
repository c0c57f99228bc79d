/**
 * Loads optional dependencies with native parts. Their loaders ask for a diagnostic report to learn which C library this
 * is (where there is no `ldd`, as in small images), and a report looks up the name of every peer of every socket: where
 * DNS does not answer, that stood a whole broker still for twenty seconds.
 */
import { createRequire } from 'node:module'

/** With what its types lack. */
type Report = typeof process.report & { excludeNetwork: boolean }

/**
 * @param from URL of the module that needs it
 * @throws what its loader throws
 */
export function loadNativeModule(name: string, from: string): unknown {
  const report = process.report as Report
  const { excludeNetwork } = report
  report.excludeNetwork = true
  try {
    return createRequire(from)(name) as unknown
  } finally {
    report.excludeNetwork = excludeNetwork
  }
}

/** For good: where somebody else loads them, and the process is ours. */
export function keepReportsOffNetwork(): void {
  ;(process.report as Report).excludeNetwork = true
}
