/** Partition folders on their way off the disk: renamed when the partition was removed, emptied some time later. */
import type { Disk } from '@millrace/base'
import { isDeletedFolderName } from './file-name.ts'

export class DeletedFolders {
  readonly #disk: Disk
  readonly #waiting: { readonly path: string; readonly removeAtMs: number }[] = []

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** Finishes what an earlier process began. @throws DiskError */
  removeLeftovers(directory: string): void {
    for (const { name, kind } of this.#disk.list(directory)) {
      if (kind === 'directory' && isDeletedFolderName(name)) removeFolder(this.#disk, `${directory}/${name}`)
    }
  }

  add(path: string, removeAtMs: number): void {
    this.#waiting.push({ path, removeAtMs })
  }

  /** Removes what is due. @throws DiskError; the folder is tried again by the next call */
  purge(nowMonoMs: number): void {
    while (this.#waiting.length > 0 && this.#waiting[0]!.removeAtMs <= nowMonoMs) {
      removeFolder(this.#disk, this.#waiting[0]!.path)
      this.#waiting.shift()
    }
  }
}

function removeFolder(disk: Disk, path: string): void {
  for (const { name, kind } of disk.list(path)) {
    if (kind === 'directory') removeFolder(disk, `${path}/${name}`)
    else disk.unlink(`${path}/${name}`)
  }
  disk.rmdir(path)
}
