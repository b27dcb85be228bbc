import { fileURLToPath } from 'node:url';
import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Public } from '../auth/access.js';

/** Beside this file, in `src` and, copied there by the build, in `dist`. */
const FILES = fileURLToPath(new URL('.', import.meta.url));

/** The page on which people approve devices. It stands beside the API, of which it is an ordinary client. */
@ApiExcludeController()
@Controller('device')
export class DevicePageController {
  @Get()
  @Public()
  page(@Req() { path, originalUrl }: Request, @Res() response: Response): void {
    // The page finds its files and the API relative to its own address, which a slash at its end would change.
    if (path.endsWith('/')) response.redirect(308, `../device${originalUrl.slice(path.length)}`);
    else send(response, 'device.html');
  }

  @Get('device.css')
  @Public()
  style(@Res() response: Response): void {
    send(response, 'device.css');
  }

  @Get('device.js')
  @Public()
  script(@Res() response: Response): void {
    send(response, 'device.js');
  }
}

/** Sent anew each time: it is little, and page and script must always be of one version. */
function send(response: Response, file: string): void {
  const headers = { 'Cache-Control': 'no-store' };
  response.sendFile(file, { root: FILES, cacheControl: false, lastModified: false, acceptRanges: false, headers });
}
