import { Controller, Get } from '@nestjs/common';

@Controller('cats')
export class AppController {
  @Get()
  list() {
    return [];
  }
  @Get('health')
  health() {
    return 'ok';
  }
}
