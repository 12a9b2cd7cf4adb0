<?php

use PHPUnit\Framework\TestCase;

final class SlugTest extends TestCase
{
}
