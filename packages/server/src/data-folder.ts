/** The data folder before anything reads it: there, writable, and ours alone. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type DataFolderLock, lockDataFolder } from './data-folder-lock.ts'
import { StartupError } from './startup-error.ts'

export { StartupError }

const FILE_IN_THE_WAY = 'it, or a part of its path, is a file'

/**
 * Makes the folder when it is missing, and locks it.
 * @throws StartupError DATA_FOLDER_UNWRITABLE, DATA_FOLDER_IN_USE
 */
export function claimDataFolder(path: string): DataFolderLock {
  try {
    makeFolder(path)
    if (!statSync(path).isDirectory()) throw unwritable(path, FILE_IN_THE_WAY)
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return lockDataFolder(path)
  } catch (error) {
    if (error instanceof StartupError) throw error
    throw unwritable(path, reasonOf(error))
  }
}

/** By hand, because `recursive` never returns where a parent exists in which nothing can be made, as in /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  const parent = dirname(path)
  if (parent !== path) makeFolder(parent)
  mkdirSync(path)
}

function unwritable(path: string, reason: string): StartupError {
  return new StartupError(
    'DATA_FOLDER_UNWRITABLE',
    `data folder ${path} cannot be used: ${reason}`,
    'Choose another folder with --data, or make this one writable for the user that runs the broker.',
  )
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    case 'EROFS':
      return 'the file system is read-only'
    case 'ENOENT':
      return 'it cannot be made there'
    case 'ENOTDIR':
    case 'EEXIST':
      return FILE_IN_THE_WAY
    case 'ENOSPC':
      return 'the disk is full'
    default:
      return message
  }
}
