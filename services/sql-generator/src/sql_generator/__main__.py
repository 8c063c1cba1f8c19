from sql_generator.main import main

main()
