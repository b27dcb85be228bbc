import { Module } from '@nestjs/common';
import { DevicePageController } from './device-page.controller.js';

/** Pages that the server itself has; the console is another program. */
@Module({ controllers: [DevicePageController] })
export class WebPagesModule {}
