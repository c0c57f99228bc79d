/** Expected failures of looking at files, in words. */
import { CliError } from '../cli-error.ts'

/** @throws CliError for a path that is not there or may not be read */
export function readingFiles<Result>(path: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw asCliError(path, error)
  }
}

function asCliError(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  switch (code) {
    case 'ENOENT':
      return new CliError(
        'NO_SUCH_FILE',
        `${path} does not exist`,
        'Segments lie in DATA/TOPIC-PARTITION/*.log.',
      )
    case 'EISDIR':
      return new CliError(
        'NOT_A_FILE',
        `${path} is a folder`,
        'Name one of its .log files, or use `millrace log verify`.',
      )
    case 'ENOTDIR':
      return new CliError(
        'NOT_A_FOLDER',
        `${path} is no folder`,
        'Look into one file with `millrace log dump`.',
      )
    case 'EACCES':
    case 'EPERM':
      return new CliError('NOT_READABLE', `${path} may not be read by this user`)
    default:
      return error
  }
}
