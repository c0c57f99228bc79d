/** The data folder before anything reads it: there, writable, and ours alone. */
import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import { type DataFolderLock, lockDataFolder } from './data-folder-lock.ts'
import { StartupError } from './startup-error.ts'

/**
 * Makes the folder when it is missing, and locks it.
 * @throws StartupError DATA_FOLDER_UNWRITABLE, DATA_FOLDER_IN_USE
 */
export function claimDataFolder(path: string): DataFolderLock {
  try {
    mkdirSync(path, { recursive: true })
    if (!statSync(path).isDirectory()) throw unwritable(path, 'it is no folder')
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return lockDataFolder(path)
  } catch (error) {
    if (error instanceof StartupError) throw error
    throw unwritable(path, reasonOf(error))
  }
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
    case 'ENOTDIR':
    case 'EEXIST':
      return 'it, or a part of its path, is a file'
    case 'ENOSPC':
      return 'the disk is full'
    default:
      return message
  }
}
