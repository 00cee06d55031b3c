@"%~dp0python.exe" -I -S "%~dp0provenv" %*
